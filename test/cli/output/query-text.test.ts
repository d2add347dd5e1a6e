import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readQueryWords } from '../../../src/cli/commands/query/query-words.ts';
import { renderJson, renderReply, renderShort, type Shown } from '../../../src/cli/output/query-text.ts';
import { buildClientQuery } from '../../../src/client/client-query.ts';
import { exchange } from '../../../src/client/exchange.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { systemRandom } from '../../../src/lib/random.ts';
import type { Provenance } from '../../../src/message/answer/provenance.ts';
import { viewMessage } from '../../../src/message/text/message-view.ts';
import { type AuthoritativeServer, startAuthoritativeServer } from '../../fixtures/dns/authoritative-server.ts';
import { DIG_FLAGS } from '../../fixtures/dns/dig.ts';
import { LAB_QUESTIONS } from '../../fixtures/dns/lab-zone.ts';
import { concat, rawMessage, rawName, rawRecord, rawU16 } from '../../fixtures/dns/messages.ts';
import { runProgram } from '../../fixtures/process/run-program.ts';

/** The flags of dig's `+norecurse`, and its AD. */
const FLAGS = 0x0020;

let authority: AuthoritativeServer;
before(async () => {
  authority = await startAuthoritativeServer();
});
after(() => authority[Symbol.asyncDispose]());

/** Renders the answer to the query that dig sends. */
async function ask(name: string, type: string): Promise<Shown> {
  const words = readQueryWords([name, type], undefined);
  const question = Buffer.concat([words.name, Uint8Array.of(words.type >>> 8, words.type, 0, 1)]);
  const query = buildClientQuery(systemRandom, { question, flags: FLAGS, dnssecOk: true });
  const reply = await exchange({ address: authority.host, port: authority.port }, query, 'tcp', {
    clock: systemClock,
    timeoutMs: 5000,
  });
  const view = viewMessage(reply);
  assert.ok(view !== undefined);
  return { view, provenance: undefined, steps: [], server: '', durationMs: 0, atEpochMs: 0, bytes: reply.length };
}

function dig(name: string, type: string, ...flags: readonly string[]): Promise<string> {
  const server = [`@${authority.host}`, '-p', String(authority.port)];
  return runProgram('dig', [...DIG_FLAGS, ...server, name, type, '+norecurse', '+dnssec', '+tcp', ...flags]);
}

/** The lines from the header to the footer. An RRset has no order (RFC 2181 §5), and servers rotate it. */
function bodyOf(text: string): readonly string[] {
  const body = /;; Got answer:\n(.*?)\n;; Query time:/s.exec(text)?.[1];
  assert.ok(body !== undefined && body !== '');
  return body
    .replace(/ id: \d+/, '')
    .split('\n')
    .toSorted();
}

for (const { name, type } of LAB_QUESTIONS) {
  test(`a reply is rendered exactly as by dig: ${name} ${type}`, async () => {
    const [ours, theirs] = [renderReply(await ask(name, type)), await dig(name, type)];
    // dig has a special format for LOC records; RFC 3597's generic one is always correct.
    const place = /(?<=LOC\t)[^\\R].*/;
    assert.deepEqual(bodyOf(ours.replace(/(?<=LOC\t)\\#.*/, '')), bodyOf(theirs.replace(place, '')));
  });
}

test('DNSSEC keys and denials of existence are rendered as by dig', async () => {
  for (const [name, type] of [
    ['signed.dns4tor-lab.net.', 'DNSKEY'],
    ['nowhere.signed.dns4tor-lab.net.', 'AAAA'],
    ['dns4tor-lab.net.', 'NSEC3PARAM'],
  ] as const) {
    assert.deepEqual(bodyOf(renderReply(await ask(name, type))), bodyOf(await dig(name, type)));
  }
});

test('+short prints only the data', async () => {
  const ours = renderShort(await ask('mx.dns4tor-lab.net.', 'MX')).split('\n');
  const theirs = (await dig('mx.dns4tor-lab.net.', 'MX', '+short')).split('\n');
  assert.deepEqual(ours.toSorted(), theirs.toSorted());
});

/** The CAME line for an answer of this provenance. */
function cameLines(provenance: Provenance): string {
  const view = viewMessage(rawMessage({ flags: 0x8180 }));
  assert.ok(view !== undefined);
  const steps = [{ what: 'Using Tor at 127.0.0.1:9050', durationMs: 3.14 }];
  const shown = { view, provenance, steps, server: '', durationMs: 0, atEpochMs: 0, bytes: 12 };
  return /^;; Using Tor at 127\.0\.0\.1:9050: 3\.1 ms\n(;; CAME .*)$/m.exec(renderReply(shown))?.[1] ?? '';
}

test('the CAME line says where an answer is from, with the time of each stage', () => {
  const upstream = 'https://a.test/dns-query';
  const asked = {
    source: 'upstream',
    totalMs: 1240,
    upstream,
    waitedMs: 0.4,
    askedMs: 1239.6,
    secondTry: false,
  } as const;
  for (const [provenance, expected] of [
    [{ source: 'cache', totalMs: 0.2, ageSeconds: 42 }, 'from the cache, 42 s old'],
    [
      { source: 'stale', totalMs: 1800, ageSeconds: 400 },
      'from the cache, 400 s old, expired; the EDE above says why there is no fresh answer',
    ],
    [{ source: 'local', totalMs: 0 }, 'from dns4tor itself, without a query to an upstream'],
    [{ source: 'failed', totalMs: 10_000 }, 'to nothing: failed after 10 s; see the EDE above'],
    [asked, `through Tor from ${upstream}, sent after 0.4 ms, answered 1.2 s later`],
    [
      { ...asked, secondTry: true },
      `through Tor from ${upstream}, sent after 0.4 ms, answered 1.2 s later, by a second attempt on another circuit`,
    ],
    [{ source: 'upstream', totalMs: 12, upstream }, `through Tor from ${upstream}, in 12 ms`],
  ] as const) {
    assert.equal(cameLines(provenance), `;; CAME ${expected}`);
  }
});

test('a reply cannot send control characters to the terminal', () => {
  const text = Buffer.from('\0\u0016\x1b[2J\u009b31m\n;; CAME from nowhere', 'latin1');
  const error = concat(rawU16(15, text.length), text);
  const opt = rawRecord(rawName(), 41, 0, error, 1232);
  const view = viewMessage(rawMessage({ flags: 0x8180, additionals: [opt] }));
  assert.ok(view !== undefined);
  const provenance = { source: 'upstream', totalMs: 1, upstream: 'https://\x1b[2J\u009b31m' } as const;
  const reply = { view, provenance, steps: [], server: '', durationMs: 0, atEpochMs: 0, bytes: 12 };
  const shown = renderReply(reply);
  assert.match(shown, /^; EDE: 22 \(No Reachable Authority\): /m);
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  assert.doesNotMatch(shown, /[\x00-\x08\x0b-\x1f\x7f-\x9f]|^;; CAME from nowhere/m);
  const json = renderJson(reply);
  // oxlint-disable-next-line no-control-regex -- as above
  assert.doesNotMatch(json, /[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
});
