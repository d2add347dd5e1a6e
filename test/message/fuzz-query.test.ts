import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { buildUpstreamQuery } from '../../src/message/upstream-query.ts';
import { createQueryScanner, type QueryScan } from '../../src/message/wire/scan-query.ts';
import { refusalOf } from '../../src/policy/conformance.ts';
import { receive } from '../fixtures/dns/messages.ts';
import { answerBytes, replyBytes } from '../fixtures/dns/replies.ts';
import { PLAIN_POLICY } from '../fixtures/policies.ts';
import { countReads } from './counted-bytes.ts';
import { mutatedQuery, randomBytes } from './message-mutations.ts';

const scan = createQueryScanner();

/** Properties of the scan of any bytes. */
function checkScan(wire: Uint8Array, found: QueryScan): void {
  const { verdict, questionEnd, qtype, udpPayloadBytes, ednsVersion, edns, dnssecOk } = found;
  assert.ok(['ok', 'short', 'response', 'malformed'].includes(verdict));
  assert.equal(verdict === 'short', wire.length < 12);
  if (questionEnd === 0) assert.ok(verdict !== 'ok' && qtype === -1);
  else assert.ok(questionEnd >= 17 && questionEnd <= Math.min(wire.length, 12 + 255 + 4) && qtype >= 0);
  assert.ok(udpPayloadBytes >= 512 && udpPayloadBytes <= 0xffff);
  assert.ok(edns || (ednsVersion === 0 && !dnssecOk && udpPayloadBytes === 512));
}

/** Passes a query through the resolver's steps before upstream. Returns the step that ended it. */
function answerLocally(wire: Uint8Array): string {
  const query = receive(wire);
  const { verdict, questionEnd, udpPayloadBytes, dnssecOk } = query.scan;
  if (verdict === 'short' || verdict === 'response') return 'dropped';
  const limit = Math.min(udpPayloadBytes, 1232);
  if (refusalOf(query) !== undefined) {
    assert.ok(replyBytes(query, 1, { code: 0, text: 'a reason' }).length <= limit);
    return 'refused';
  }
  assert.equal(buildUpstreamQuery(wire.subarray(12, questionEnd), dnssecOk, false).length % 128, 0);
  const answer = PLAIN_POLICY.answer(query);
  assert.ok(answer === undefined || !('target' in answer));
  if (answer === undefined) return 'forwarded';
  assert.ok(answerBytes(query, answer, 0).length <= limit);
  return 'answered';
}

for (const [what, bytes, numRuns] of [
  ['valid queries with up to four changes', mutatedQuery, 60_000],
  ['random bytes', randomBytes, 40_000],
] as const) {
  test(`scanning ${what} never throws and always returns a verdict`, (t) => {
    const verdicts: Record<string, number> = {};
    const property = fc.property(bytes, (wire) => {
      const found = scan(wire);
      checkScan(wire, found);
      verdicts[found.verdict] = (verdicts[found.verdict] ?? 0) + 1;
    });
    fc.assert(property, { seed: 4, numRuns });
    t.diagnostic(`${numRuns} cases: ${JSON.stringify(verdicts)}`);
  });
}

test('a scan never reads past the end of a query, and an accepted query is complete', (t) => {
  const numRuns = 10_000;
  let accepted = 0;
  const property = fc.property(fc.oneof(mutatedQuery, randomBytes), (bytes) => {
    const { wire, furthest } = countReads(bytes);
    const { verdict } = scan(wire);
    // A truncated name is detected by looking at one octet behind the end.
    assert.ok(furthest() < bytes.length + (verdict === 'malformed' ? 1 : 0));
    if (verdict === 'ok') accepted++;
  });
  fc.assert(property, { seed: 5, numRuns });
  t.diagnostic(`${numRuns} cases, ${accepted} accepted`);
  assert.ok(accepted > 0);
});

test('for any bytes, local answers and refusals never throw and never exceed the reply limit', (t) => {
  const numRuns = 20_000;
  const ends: Record<string, number> = { dropped: 0, refused: 0, answered: 0, forwarded: 0 };
  const property = fc.property(mutatedQuery, (wire) => {
    const end = answerLocally(wire);
    ends[end] = (ends[end] ?? 0) + 1;
  });
  fc.assert(property, { seed: 6, numRuns });
  t.diagnostic(`${numRuns} cases: ${JSON.stringify(ends)}`);
  assert.ok(Object.values(ends).every((count) => count > 0));
});
