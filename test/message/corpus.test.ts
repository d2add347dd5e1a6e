import assert from 'node:assert/strict';
import process from 'node:process';
import { test } from 'node:test';
import fc from 'fast-check';
import { lifetimeSeconds } from '../../src/cache/lifetime.ts';
import { Dns4torError } from '../../src/failures/errors.ts';
import { type Answer, parseAnswer } from '../../src/message/answer/answer.ts';
import { subtractAge } from '../../src/message/answer/http-age.ts';
import { viewMessage } from '../../src/message/text/message-view.ts';
import { validateResponse } from '../../src/upstream/transport/validate-response.ts';
import { rawMessage, rawOpt, receive } from '../fixtures/dns/messages.ts';
import { answerBytes } from '../fixtures/dns/replies.ts';
import { assertFits } from '../protocol/messages/fitting-answer.ts';
import { checkReply, mustBeDropped } from '../protocol/messages/reply-rules.ts';
import { questionOf } from '../protocol/upstream-messages.ts';
import { createResolver, UpstreamDouble } from '../resolver/harness.ts';
import { aboutQuestion, type Correspondence, corpusQuery, correspondence } from './corpus.ts';

/** Seed of all random choices. Printed, so that a run can be repeated. */
const SEED = Number(process.env['FUZZ_SEED'] ?? 13);
const RESPONSES = 4000;
const QUERIES = 4000;
const RD = 0x0100;
const SERVFAIL = 2;

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/**
 * Passes a response through the checks of session, circuit and forwarder. Returns undefined if one of them refuses it.
 */
function takeIn(
  { question, response }: Correspondence,
  age: number,
  codes: Record<string, number>,
): Answer | undefined {
  const wire = response.slice();
  try {
    subtractAge(wire, age);
    validateResponse(rawMessage({ id: 0, flags: RD, questions: [question] }), wire);
    return parseAnswer(wire);
  } catch (error) {
    assert.ok(error instanceof Dns4torError && error.code.startsWith('ERR_RESPONSE_'), String(error));
    codes[error.code] = (codes[error.code] ?? 0) + 1;
    return undefined;
  }
}

test('4,000 corpus-like responses are refused with an error code, or passed on well-formed and without irrelevant records', (t) => {
  const codes: Record<string, number> = {};
  const kinds: Record<string, number> = {};
  const client = fc.record({
    transport: fc.constantFrom('udp' as const, 'tcp' as const),
    payload: fc.option(fc.constantFrom(0, 512, 1232, 4096), { nil: undefined }),
    age: fc.constantFrom(0, 0, 5, 100_000),
    elapsed: fc.constantFrom(0, 59, 86_401),
  });
  const property = fc.property(correspondence, client, (exchange, { transport, payload, age, elapsed }) => {
    const { question, response } = exchange;
    viewMessage(response);
    const answer = takeIn(exchange, age, codes);
    if (answer === undefined) return;
    kinds[answer.kind] = (kinds[answer.kind] ?? 0) + 1;
    const additionals = payload === undefined ? [] : [rawOpt(0x8000, payload)];
    const query = rawMessage({ id: 7, flags: RD, questions: [question], additionals });
    const reply = Buffer.from(answerBytes(receive(query, transport), answer, elapsed));
    try {
      const read = checkReply(query, reply, transport);
      assertFits(read);
      assert.ok(read.rcode <= 0xf, 'an extended RCODE was passed on');
      if (answer.kind !== 'data' && (read.flags & 0x0200) === 0 && lifetimeSeconds(answer) > 0) {
        assert.ok(
          read.authorities.some(({ type }) => type === 6),
          'a denial that is kept without an SOA record',
        );
      }
      assert.ok(viewMessage(reply));
    } catch (error) {
      throw new Error(`seed ${SEED}: ${hex(response)} was passed on as ${hex(reply)}`, { cause: error });
    }
  });
  fc.assert(property, { seed: SEED, numRuns: RESPONSES, endOnFailure: true });
  t.diagnostic(`seed ${SEED}: ${JSON.stringify(kinds)}, refused ${JSON.stringify(codes)}`);
  const passed = Object.values(kinds).reduce((total, count) => total + count, 0);
  assert.ok(passed > RESPONSES / 4, `${passed} passed on`);
  for (const code of ['MALFORMED', 'MISMATCH', 'TRUNCATED', 'CHAIN'])
    assert.ok((codes[`ERR_RESPONSE_${code}`] ?? 0) > 0);
});

test('4,000 corpus-like queries get one valid reply each, or none if required, for any upstream response', async (t) => {
  const rcodes: Record<string, number> = {};
  const responses = fc.sample(correspondence, { seed: SEED, numRuns: 1000 });
  const queries = fc.sample(corpusQuery, { seed: SEED, numRuns: QUERIES });
  let asked = 0;
  const upstream = new UpstreamDouble(async (query) => {
    const response = aboutQuestion(responses[asked++ % responses.length] as Correspondence, questionOf(query));
    validateResponse(query, response);
    return response;
  });
  const { handle, clock } = createResolver(upstream);
  let dropped = 0;
  for (const [index, wire] of queries.entries()) {
    const transport = index % 3 === 0 ? 'tcp' : 'udp';
    clock.advance(100);
    const reply = Buffer.from(await handle({ ...receive(wire, transport), arrivedAt: clock.now() }));
    if (mustBeDropped(wire)) {
      assert.equal(reply.length, 0);
      dropped++;
      continue;
    }
    try {
      const read = checkReply(wire, reply, transport);
      rcodes[read.rcode] = (rcodes[read.rcode] ?? 0) + 1;
      if (read.question.length > 0 && read.answers.length > 0) assertFits(read);
    } catch (error) {
      throw new Error(`seed ${SEED}: ${hex(wire)} was answered ${hex(reply)}`, { cause: error });
    }
  }
  t.diagnostic(`seed ${SEED}: ${asked} asked upstream, ${dropped} dropped, RCODEs ${JSON.stringify(rcodes)}`);
  assert.ok(asked > QUERIES / 10 && dropped > 0 && (rcodes[SERVFAIL] ?? 0) > 0);
});
