import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dns4torError } from '../../../src/failures/errors.ts';
import type { ErrorCode } from '../../../src/failures/failures.ts';
import { Breaker } from '../../../src/upstream/pool/breaker.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';
import { noJitter } from '../rig.ts';

interface Fixture {
  readonly breaker: Breaker;
  readonly clock: ManualClock;
  readonly world: { serving: boolean };
  /** Calls to the owner: the code of an opened breaker, or `allowed`. */
  readonly calls: string[];
}

function create(fraction = 1): Fixture {
  const clock = new ManualClock();
  const world = { serving: false };
  const calls: string[] = [];
  const breaker = new Breaker(
    { clock, random: { ...noJitter, fraction: () => fraction } },
    {
      hasOpenConnection: () => world.serving,
      onOpen: ({ code }) => calls.push(code),
      onAttemptAllowed: () => calls.push('allowed'),
    },
  );
  return { breaker, clock, world, calls };
}

function refusalOf({ breaker }: Pick<Fixture, 'breaker'>): ErrorCode | undefined {
  return breaker.openReason?.code;
}

/** Pauses after `count` consecutive failures. */
function pauses(code: ErrorCode, count: number, fraction: number): number[] {
  const { breaker } = create(fraction);
  return Array.from({ length: count }, () => breaker.recordFailure(new Dns4torError(code)));
}

function fail({ breaker }: Fixture, times: number): void {
  for (let i = 0; i < times; i++) breaker.recordFailure(new Dns4torError('ERR_TOR_TIMEOUT'));
}

test('pauses double up to 30 s, or up to 1 s while Tor is not running', () => {
  const remote = [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000];
  assert.deepEqual(pauses('ERR_TOR_TIMEOUT', 9, 1), remote);
  assert.deepEqual(pauses('ERR_TOR_UNREACHABLE', 5, 1), [250, 500, 1000, 1000, 1000]);
});

test('jitter shortens a pause by up to half', () => {
  assert.deepEqual(pauses('ERR_TOR_TIMEOUT', 2, 0), [125, 250]);
  assert.deepEqual(pauses('ERR_TOR_TIMEOUT', 2, 0.5), [187.5, 375]);
});

test('parallel attempts are allowed until a failure; then one at a time, after the pause', () => {
  const { breaker, clock, calls } = create();
  const attempts = [breaker.beginAttempt(), breaker.beginAttempt()];
  for (const attempt of attempts) attempt?.end();
  const pauseMs = breaker.recordFailure(new Dns4torError('ERR_TOR_TIMEOUT'));
  clock.advance(pauseMs - 1);
  assert.equal(breaker.beginAttempt(), undefined);
  assert.deepEqual(calls, []);
  clock.advance(1);
  assert.deepEqual(calls, ['allowed']);
  const attempt = breaker.beginAttempt();
  assert.equal(breaker.beginAttempt(), undefined);
  attempt?.end();
  assert.ok(breaker.beginAttempt() !== undefined);
});

test('two consecutive failures are tolerated; the third opens the breaker with its error', () => {
  const fixture = create();
  fail(fixture, 2);
  assert.equal(refusalOf(fixture), undefined);
  assert.equal(fixture.breaker.state, 'closed');
  fail(fixture, 1);
  assert.equal(refusalOf(fixture), 'ERR_TOR_TIMEOUT');
  assert.equal(fixture.breaker.state, 'open');
  assert.deepEqual(fixture.calls, ['ERR_TOR_TIMEOUT']);
});

test('the breaker opens at the first failure if Tor is not running', () => {
  const { breaker } = create();
  breaker.recordFailure(new Dns4torError('ERR_TOR_UNREACHABLE'));
  assert.equal(refusalOf({ breaker }), 'ERR_TOR_UNREACHABLE');
});

test('failures do not open the breaker while a connection is open', () => {
  const fixture = create();
  fixture.world.serving = true;
  fail(fixture, 5);
  assert.equal(refusalOf(fixture), undefined);
});

test('the breaker opens when an attempt takes 10 s, and the attempt continues', () => {
  const { breaker, clock, calls } = create();
  const attempt = breaker.beginAttempt();
  clock.advance(9999);
  assert.equal(refusalOf({ breaker }), undefined);
  clock.advance(1);
  assert.equal(refusalOf({ breaker }), 'ERR_TOR_TIMEOUT');
  assert.equal(breaker.state, 'half_open');
  assert.deepEqual(calls, ['ERR_TOR_TIMEOUT']);
  attempt?.end();
  assert.equal(breaker.state, 'open');
});

test('in an outage the next attempt waits at most 10 s for one that hangs, and for its pause', () => {
  const fixture = create();
  const { breaker, clock, calls } = fixture;
  const attempts = [breaker.beginAttempt(), breaker.beginAttempt()];
  clock.advance(9_900);
  attempts[0]?.end();
  fail(fixture, 1);
  clock.advance(100);
  assert.equal(breaker.beginAttempt(), undefined);
  clock.advance(150);
  assert.deepEqual(calls, ['ERR_TOR_TIMEOUT', 'allowed', 'allowed']);
  assert.ok(breaker.beginAttempt() !== undefined);
  assert.equal(breaker.beginAttempt(), undefined);
  clock.advance(10_000);
  assert.deepEqual(calls.slice(3), ['ERR_TOR_TIMEOUT', 'allowed']);
  assert.ok(breaker.beginAttempt() !== undefined);
});

test('an answer closes the breaker and resets the count of failures', () => {
  const fixture = create();
  const { breaker, clock, calls } = fixture;
  fail(fixture, 4);
  breaker.recordSuccess();
  assert.equal(refusalOf({ breaker }), undefined);
  assert.equal(breaker.state, 'closed');
  assert.deepEqual(calls, ['ERR_TOR_TIMEOUT', 'ERR_TOR_TIMEOUT', 'allowed']);
  assert.ok(breaker.beginAttempt() !== undefined && breaker.beginAttempt() !== undefined);
  assert.equal(breaker.recordFailure(new Dns4torError('ERR_TOR_TIMEOUT')), 250);
  breaker[Symbol.dispose]();
  assert.equal(clock.pendingTimers, 0);
});

test('lastError is the latest failure until an answer arrives', () => {
  const { breaker } = create();
  breaker.recordFailure(new Dns4torError('ERR_TOR_TIMEOUT'));
  breaker.recordFailure(new Dns4torError('ERR_TLS_NAME'));
  assert.equal(breaker.lastError?.code, 'ERR_TLS_NAME');
  breaker.recordSuccess();
  assert.equal(breaker.lastError, undefined);
});

test('during a long pause, a query may start an attempt after 4 s', () => {
  const fixture = create();
  const { breaker, clock, calls } = fixture;
  fail(fixture, 8);
  clock.advance(3999);
  assert.equal(breaker.beginAttempt(), undefined);
  clock.advance(1);
  const attempt = breaker.beginAttempt();
  assert.ok(attempt !== undefined);
  assert.equal(breaker.beginAttempt(), undefined);
  assert.ok(!calls.includes('allowed'));
  attempt.end();
  fail(fixture, 1);
  assert.equal(breaker.beginAttempt(), undefined);
});

test('in an outage, a query waits at most 4 s for the next attempt if one hangs', () => {
  const fixture = create();
  const { breaker, clock } = fixture;
  fail(fixture, 3);
  clock.advance(1000);
  assert.ok(breaker.beginAttempt() !== undefined);
  clock.advance(3999);
  assert.equal(breaker.beginAttempt(), undefined);
  clock.advance(1);
  assert.ok(breaker.beginAttempt() !== undefined);
  assert.equal(breaker.beginAttempt(), undefined);
});
