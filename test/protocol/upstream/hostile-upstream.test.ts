import assert from 'node:assert/strict';
import process from 'node:process';
import { test } from 'node:test';
import fc from 'fast-check';
import { startBehindDouble } from '../../fixtures/dns/behind-double.ts';
import { rawMessage, rawName, rawNameOfLength, rawOpt, rawQuestion } from '../../fixtures/dns/messages.ts';
import type { DohBehaviour } from '../../fixtures/dns/recording-doh-server.ts';
import { framed } from '../../listener/harness.ts';
import { CHAIN_TYPE, chainMessage } from '../../message/chain-message.ts';
import { mutateBy, mutations } from '../../message/message-mutations.ts';
import { eachAtOnce, talkTcp, UdpAsker } from '../clients.ts';
import { assertUnharmed, residentMiB } from '../daemon-health.ts';
import { assertFits } from '../messages/fitting-answer.ts';
import { checkReply } from '../messages/reply-rules.ts';
import { readStrictly } from '../messages/strict-message.ts';
import { brokenResponsesTo, type Exchange, exchangesAbout } from './hostile-responses.ts';

/** Seed of all random choices. Printed, so that a run can be repeated. */
const SEED = Number(process.env['FUZZ_SEED'] ?? 4);

const RESPONSES = 2000;
const WIDTH = 16;
const GOOD_EVERY = 50;
const RD = 0x0100;
const SERVFAIL = 2;

/** The kind of exchange with deliberate faults: an alias and its target. */
const ALIAS_KIND = 6;

interface Case extends Exchange {
  /** The answer that upstream sends instead of the response. */
  readonly sent: Uint8Array;
}

/** Each with its own name, so that none is answered from the cache. */
function hostileCases(): Case[] {
  const changes = fc.sample(mutations, { seed: SEED, numRuns: RESPONSES });
  const kinds = exchangesAbout('x').length;
  const mutated = changes.map((edits, index) => {
    const exchange = exchangesAbout(`mutated-${index}`)[index % kinds] as Exchange;
    // Half of them keep their length, because shortened or split messages rarely have an answer left.
    const kept = index % 2 === 0 ? edits : edits.filter(({ edit }) => edit === 'replace' || edit === 'point');
    return { ...exchange, sent: mutateBy(exchange.response, kept) };
  });
  const aliasAbout = (index: number): Exchange => exchangesAbout(`broken-${100 + index}`)[ALIAS_KIND] as Exchange;
  const broken = brokenResponsesTo(aliasAbout(0)).map((_, index) => {
    const exchange = aliasAbout(index);
    return { ...exchange, sent: brokenResponsesTo(exchange)[index] as Uint8Array };
  });
  return [...mutated, ...broken];
}

test('2,000 mutated answers from upstream: each client gets a well-formed answer to its own question, or SERVFAIL', async (t) => {
  const cases = hostileCases();
  const byQuestion = new Map(cases.map((each) => [Buffer.from(each.question).toString('latin1'), each.sent]));
  const answerWrongly: DohBehaviour = ({ query }) => {
    const { question } = readStrictly(query);
    const sent = byQuestion.get(question.toString('latin1'));
    return { body: sent ?? rawMessage({ id: 0, flags: 0x8180, questions: [question] }) };
  };
  // A mutation may make an address private.
  await using running = await startBehindDouble(answerWrongly, '--private-answers', 'allow');
  const { daemon } = running;
  await daemon.answers();
  await using client = new UdpAsker(daemon.port);
  const before = await residentMiB(daemon);
  const counts = { answered: 0, failed: 0, unchanged: 0 };

  await eachAtOnce(cases, WIDTH, async ({ question, response, sent }, index) => {
    if (index % GOOD_EVERY === 0) {
      const id = 0x8000 + index;
      const query = rawMessage({ id, flags: RD, questions: [rawQuestion(rawName(`good-${index}`, 'net'))] });
      const reply = await client.ask(query);
      assert.ok(reply, `no answer to a good query after ${index} answers`);
      assert.equal(checkReply(query, reply, 'udp').rcode, 0);
    }
    const additionals = index % 3 === 0 ? [] : [rawOpt(index % 2 === 0 ? 0x8000 : 0, 400 * (index % 5))];
    const query = rawMessage({ id: index, flags: RD, questions: [question], additionals });
    const transport = index % 4 === 0 ? 'tcp' : 'udp';
    const bytes = transport === 'udp' ? await client.ask(query) : (await talkTcp(daemon.port, [framed(query)]))[0];
    const what = `seed ${SEED}: ${hex(query)} when upstream answered ${hex(sent)}`;
    assert.ok(bytes, `no reply to ${what}`);
    try {
      const reply = checkReply(query, bytes, transport);
      assertFits(reply);
      if (reply.rcode === SERVFAIL) counts.failed++;
      else counts.answered++;
      if (!Buffer.from(sent).equals(response)) return;
      counts.unchanged++;
      const original = readStrictly(response);
      assert.equal(reply.rcode, original.rcode);
      if ((reply.flags & 0x0200) === 0) assert.deepEqual(reply.answers, original.answers);
    } catch (error) {
      throw new Error(`${hex(bytes)} was the reply to ${what}`, { cause: error });
    }
  });

  const after = await residentMiB(daemon);
  t.diagnostic(`seed ${SEED}: ${cases.length} answers, ${JSON.stringify(counts)}; RSS ${before} → ${after} MiB`);
  assert.deepEqual(client.unexpected.map(hex), []);
  assert.ok(Object.values(counts).every((count) => count > 0));
  await assertUnharmed(daemon);
});

test('64 kB of records with the longest pointer chains pass, those with longer ones are a failure, and neither holds up others', async () => {
  let body: Uint8Array = new Uint8Array(0);
  await using running = await startBehindDouble(({ query }) => {
    const { question } = readStrictly(query);
    const isLarge = question.readUInt16BE(question.length - 4) === CHAIN_TYPE;
    return { body: isLarge ? body : rawMessage({ id: 0, flags: 0x8180, questions: [question] }) };
  });
  const { daemon } = running;
  await daemon.answers();
  await using client = new UdpAsker(daemon.port);
  for (const [pointers, name, rcode] of [
    [7000, rawName(), SERVFAIL],
    [126, rawNameOfLength(255), 0],
  ] as const) {
    body = Buffer.from(chainMessage(0x8180, name, pointers));
    body.fill(0, 0, 2);
    const query = rawMessage({ id: 1, flags: RD, questions: [rawQuestion(name, CHAIN_TYPE)] });
    const good = rawMessage({ id: 2, flags: RD, questions: [rawQuestion(rawName('good', 'example'))] });
    const [[large], small] = await Promise.all([talkTcp(daemon.port, [framed(query)]), client.ask(good)]);
    assert.ok(large && small);
    assert.equal(checkReply(query, large, 'tcp').rcode, rcode);
    assert.equal(checkReply(good, small, 'udp').rcode, 0);
    const truncated = await client.ask(query);
    assert.ok(truncated);
    const expectedTc = rcode === SERVFAIL ? 0 : 0x0200;
    assert.equal(checkReply(query, truncated, 'udp').flags & 0x0200, expectedTc);
  }
  await assertUnharmed(daemon);
});

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
