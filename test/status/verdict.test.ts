import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dns4torError } from '../../src/failures/errors.ts';
import { failureKind, failureText } from '../../src/failures/failures.ts';
import type { AnswerCounts, UpstreamSnapshot } from '../../src/status/snapshot.ts';
import { type Connectivity, judge, type VerdictInput } from '../../src/status/verdict.ts';

const NOTHING: AnswerCounts = { cache: 0, upstream: 0, stale: 0, failed: 0, local: 0 };
const FIRST: UpstreamSnapshot = {
  upstream: 'first.onion:443',
  breaker: 'closed',
  reason: null,
  sentence: null,
  inFlight: 0,
  circuits: [],
};
const SECOND: UpstreamSnapshot = { ...FIRST, upstream: 'second.test:443' };
const { problem: PROBLEM } = failureKind('ERR_TOR_UNREACHABLE');
const REFUSED = { reason: 'tor_unreachable', sentence: failureText('ERR_TOR_UNREACHABLE') } as const;

const ANSWERED: Connectivity = { lastAnswerSecondsAgo: 1, failuresInARow: 0, failure: undefined, silentMs: 0 };

/** A working service with two upstreams. */
function input(changes: Partial<VerdictInput> = {}): VerdictInput {
  return {
    connectivity: ANSWERED,
    tor: { state: 'up', bootstrapPercent: 100 },
    systemResolver: { state: 'not_installed' },
    certificate: undefined,
    upstreams: [FIRST, SECOND],
    recent: NOTHING,
    ...changes,
  };
}

const NEVER_ANSWERED: Connectivity = { ...ANSWERED, lastAnswerSecondsAgo: undefined };

test('it works if the last query was answered and no upstream is cut off', () => {
  const headline = 'Working: names are resolved through Tor.';
  assert.deepEqual(judge(input()), { state: 'working', headline, remedy: null, sentence: headline, reason: null });
});

test('a certificate that clients refuse degrades the service, with a remedy; one that expires soon does not', () => {
  const { label } = failureKind('ERR_CERTIFICATE_EXPIRED');
  for (const certificate of ['expired', 'not_yet'] as const) {
    const { state, reason, remedy } = judge(input({ certificate }));
    assert.deepEqual([state, reason], ['degraded', label]);
    assert.notEqual(remedy, null);
  }
  for (const certificate of ['valid', 'expiring'] as const)
    assert.equal(judge(input({ certificate })).state, 'working');
});

test('it is starting until the first answer, and shows the progress of Tor', () => {
  assert.equal(judge(input({ connectivity: NEVER_ANSWERED })).state, 'starting');
  const tor = { state: 'bootstrapping', bootstrapPercent: 45, bootstrapSummary: 'Loading relay descriptors' } as const;
  const cutOff = [{ ...FIRST, ...REFUSED, breaker: 'open' }] as const;
  assert.deepEqual(judge(input({ connectivity: NEVER_ANSWERED, tor, upstreams: cutOff })), {
    state: 'starting',
    headline: 'Starting: Tor is at 45 %: Loading relay descriptors.',
    remedy: null,
    sentence: 'Starting: Tor is at 45 %: Loading relay descriptors.',
    reason: null,
  });
});

test('a start that cannot succeed is a failure with a remedy', () => {
  const upstreams = [{ ...FIRST, ...REFUSED, breaker: 'open' }] as const;
  const { state, headline, remedy, sentence, reason } = judge(input({ connectivity: NEVER_ANSWERED, upstreams }));
  assert.equal(state, 'failing');
  assert.ok(headline.includes(PROBLEM));
  assert.notEqual(remedy, null);
  assert.equal(sentence, `${headline} ${remedy}`);
  assert.equal(reason, 'tor_unreachable');
});

test('a Tor without progress is stuck, with the reason and remedy of its trouble, unless answers arrive', () => {
  const trouble = new Dns4torError('ERR_TOR_CLOCK', 'Tor is stuck at 40 %');
  const tor = { state: 'stuck', bootstrapPercent: 40, trouble } as const;
  const cutOff = [{ ...FIRST, ...REFUSED, breaker: 'open' }] as const;
  for (const stuck of [
    judge(input({ tor, connectivity: NEVER_ANSWERED })),
    judge(input({ tor, upstreams: cutOff })),
    judge(input({ tor, connectivity: { ...ANSWERED, failuresInARow: 3, failure: 'ERR_TOR_TIMEOUT' } })),
  ]) {
    assert.equal(stuck.state, 'stuck');
    assert.equal(stuck.reason, 'tor_clock');
    assert.ok(stuck.headline.includes(trouble.problem));
    assert.equal(stuck.remedy?.toLowerCase(), `${trouble.remedy?.toLowerCase()}.`);
  }
  assert.equal(judge(input({ tor })).state, 'working');
});

test('an outage with a cause that has no remedy, or without a known cause, has a next step', () => {
  for (const failure of ['ERR_UPSTREAM_STALLED', undefined] as const) {
    const { state, remedy } = judge(input({ connectivity: { ...ANSWERED, failuresInARow: 3, failure } }));
    assert.equal(state, 'failing');
    assert.notEqual(remedy, null);
  }
});

test('it fails if no upstream can be reached, even if the last query was answered', () => {
  const upstreams = [
    { ...FIRST, ...REFUSED, breaker: 'half_open' },
    { ...SECOND, breaker: 'open' },
  ] as const;
  const { state, reason } = judge(input({ upstreams }));
  assert.equal(state, 'failing');
  assert.equal(reason, 'tor_unreachable');
});

test('three failures in a row are an outage, two are not', () => {
  const after = (failuresInARow: number): ReturnType<typeof judge> =>
    judge(input({ connectivity: { ...ANSWERED, failuresInARow, failure: 'ERR_DOH_STATUS' } }));
  assert.equal(after(2).state, 'working');
  assert.equal(after(3).state, 'failing');
  assert.equal(after(3).reason, 'doh_status');
});

test('with one of two upstreams down it is degraded, and names the upstream and the reason', () => {
  const { state, headline, reason } = judge(input({ upstreams: [{ ...FIRST, ...REFUSED, breaker: 'open' }, SECOND] }));
  assert.equal(state, 'degraded');
  assert.equal(headline, `Working, but first.onion:443 cannot be reached: ${PROBLEM}.`);
  assert.equal(reason, 'tor_unreachable');
});

test('a fifth of the answers failed or stale degrade the service, unless they are few', () => {
  const state = (recent: Partial<AnswerCounts>): string => judge(input({ recent: { ...NOTHING, ...recent } })).state;
  assert.equal(state({ upstream: 8, failed: 1, stale: 1 }), 'degraded');
  assert.equal(state({ upstream: 9, failed: 1 }), 'working');
  assert.equal(state({ upstream: 4, failed: 4 }), 'working');
  assert.equal(state({ cache: 1000, upstream: 5, failed: 5 }), 'degraded');
});

test('a hanging probe degrades the service after some seconds, and is an outage after ten', () => {
  const after = (silentMs: number): string => judge(input({ connectivity: { ...ANSWERED, silentMs } })).state;
  assert.deepEqual([1499, 1500, 9999, 10_000].map(after), ['working', 'degraded', 'degraded', 'failing']);
  const starting = judge(input({ connectivity: { ...NEVER_ANSWERED, silentMs: 10_000 } }));
  assert.equal(starting.state, 'starting');
});

test('the slower the circuits, the later a probe counts as hanging', () => {
  const circuits = [1200, 800, null].map(
    (responseTimeMs, slot) => ({ slot, state: 'open', responseTimeMs, inFlight: 0 }) as const,
  );
  const after = (silentMs: number): string =>
    judge(input({ connectivity: { ...ANSWERED, silentMs }, upstreams: [{ ...FIRST, circuits }] })).state;
  assert.deepEqual([3199, 3200].map(after), ['working', 'degraded']);
});

test('the sentence changes only with the state or the reason', () => {
  const sentences = [10, 11, 5000].map((failed) => judge(input({ recent: { ...NOTHING, failed } })).sentence);
  assert.equal(new Set(sentences).size, 1);
});
