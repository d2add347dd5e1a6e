import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { renderReply, renderShort, type Shown } from '../../src/cli/query-text.ts';
import { readQueryWords } from '../../src/cli/query-words.ts';
import { exchange } from '../../src/client/exchange.ts';
import { buildClientQuery } from '../../src/client/query.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { viewMessage } from '../../src/message/message-view.ts';
import { type AuthoritativeServer, startAuthoritativeServer } from '../fixtures/authoritative-server.ts';
import { DIG_FLAGS } from '../fixtures/dig.ts';
import { LAB_QUESTIONS } from '../fixtures/lab-zone.ts';
import { runProgram } from '../fixtures/run-program.ts';

/** The flags of dig's `+norecurse`, and its AD. */
const FLAGS = 0x0020;

let authority: AuthoritativeServer;
before(async () => {
  authority = await startAuthoritativeServer();
});
after(() => authority[Symbol.asyncDispose]());

/** What is shown of the answer to the same query as dig sends. */
async function ask(name: string, type: string): Promise<Shown> {
  const words = readQueryWords([name, type], undefined);
  const question = Buffer.concat([words.name, Uint8Array.of(words.type >>> 8, words.type, 0, 1)]);
  const query = buildClientQuery(systemRandom, { question, flags: FLAGS, dnssecOk: true });
  const reply = await exchange({ address: authority.host, port: authority.port }, query, 'tcp', {
    clock: systemClock,
    patienceMs: 5000,
  });
  const view = viewMessage(reply);
  assert.ok(view !== undefined);
  return { view, provenance: undefined, steps: [], server: '', durationMs: 0, atEpochMs: 0, bytes: reply.length };
}

function dig(name: string, type: string, ...flags: readonly string[]): Promise<string> {
  const server = [`@${authority.host}`, '-p', String(authority.port)];
  return runProgram('dig', [...DIG_FLAGS, ...server, name, type, '+norecurse', '+dnssec', '+tcp', ...flags]);
}

/** From the header to the footer. Records of one set have no order (RFC 2181 §5), and servers turn it. */
function bodyOf(text: string): readonly string[] {
  const body = /;; Got answer:\n(.*?)\n;; Query time:/s.exec(text)?.[1];
  assert.ok(body !== undefined && body !== '');
  return body
    .replace(/ id: \d+/, '')
    .split('\n')
    .toSorted();
}

for (const { name, type } of LAB_QUESTIONS) {
  test(`a reply is shown as dig shows it, to the blank: ${name} ${type}`, async () => {
    const [ours, theirs] = [renderReply(await ask(name, type)), await dig(name, type)];
    // Places on the earth have a form of their own, in place of which RFC 3597's is always right.
    const place = /(?<=LOC\t)[^\\R].*/;
    assert.deepEqual(bodyOf(ours.replace(/(?<=LOC\t)\\#.*/, '')), bodyOf(theirs.replace(place, '')));
  });
}

test('DNSSEC keys, and proofs that there is none, are shown as dig shows them', async () => {
  for (const [name, type] of [
    ['signed.dns4tor-lab.net.', 'DNSKEY'],
    ['nowhere.signed.dns4tor-lab.net.', 'AAAA'],
    ['dns4tor-lab.net.', 'NSEC3PARAM'],
  ] as const) {
    assert.deepEqual(bodyOf(renderReply(await ask(name, type))), bodyOf(await dig(name, type)));
  }
});

test('+short shows the data alone', async () => {
  const ours = renderShort(await ask('mx.dns4tor-lab.net.', 'MX')).split('\n');
  const theirs = (await dig('mx.dns4tor-lab.net.', 'MX', '+short')).split('\n');
  assert.deepEqual(ours.toSorted(), theirs.toSorted());
});
