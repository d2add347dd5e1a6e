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
  /** What the owner was told. */
  readonly told: string[];
}

function create(fraction = 1): Fixture {
  const clock = new ManualClock();
  const world = { serving: false };
  const told: string[] = [];
  const breaker = new Breaker(
    { clock, random: { ...noJitter, fraction: () => fraction } },
    {
      hasOpenConnection: () => world.serving,
      onOpen: ({ code }) => told.push(code),
      onAttemptAllowed: () => told.push('may connect'),
    },
  );
  return { breaker, clock, world, told };
}

function refusalOf({ breaker }: Pick<Fixture, 'breaker'>): ErrorCode | undefined {
  return breaker.openReason?.code;
}

/** The pauses after `count` failures in a row. */
function pauses(code: ErrorCode, count: number, fraction: number): number[] {
  const { breaker } = create(fraction);
  return Array.from({ length: count }, () => breaker.recordFailure(new Dns4torError(code)));
}

function fail({ breaker }: Fixture, times: number): void {
  for (let i = 0; i < times; i++) breaker.recordFailure(new Dns4torError('ERR_TOR_TIMEOUT'));
}

test('pauses double up to half a minute, or to a second while Tor itself is not there', () => {
  const remote = [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000];
  assert.deepEqual(pauses('ERR_TOR_TIMEOUT', 9, 1), remote);
  assert.deepEqual(pauses('ERR_TOR_UNREACHABLE', 5, 1), [250, 500, 1000, 1000, 1000]);
});

test('chance takes off up to half of a pause', () => {
  assert.deepEqual(pauses('ERR_TOR_TIMEOUT', 2, 0), [125, 250]);
  assert.deepEqual(pauses('ERR_TOR_TIMEOUT', 2, 0.5), [187.5, 375]);
});

test('in quiet times any number of connections may be attempted, after a failure one at a time and not before the pause is over', () => {
  const { breaker, clock, told } = create();
  const attempts = [breaker.beginAttempt(), breaker.beginAttempt()];
  for (const attempt of attempts) attempt?.end();
  const pauseMs = breaker.recordFailure(new Dns4torError('ERR_TOR_TIMEOUT'));
  clock.advance(pauseMs - 1);
  assert.equal(breaker.beginAttempt(), undefined);
  assert.deepEqual(told, []);
  clock.advance(1);
  assert.deepEqual(told, ['may connect']);
  const attempt = breaker.beginAttempt();
  assert.equal(breaker.beginAttempt(), undefined);
  attempt?.end();
  assert.ok(breaker.beginAttempt() !== undefined);
});

test('two failures in a row are borne, three are an outage, in which queries are refused with the reason', () => {
  const fixture = create();
  fail(fixture, 2);
  assert.equal(refusalOf(fixture), undefined);
  assert.equal(fixture.breaker.state, 'closed');
  fail(fixture, 1);
  assert.equal(refusalOf(fixture), 'ERR_TOR_TIMEOUT');
  assert.equal(fixture.breaker.state, 'open');
  assert.deepEqual(fixture.told, ['ERR_TOR_TIMEOUT']);
});

test('that Tor itself is not there is an outage at once', () => {
  const { breaker } = create();
  breaker.recordFailure(new Dns4torError('ERR_TOR_UNREACHABLE'));
  assert.equal(refusalOf({ breaker }), 'ERR_TOR_UNREACHABLE');
});

test('while a connection is open, failures of others are no outage', () => {
  const fixture = create();
  fixture.world.serving = true;
  fail(fixture, 5);
  assert.equal(refusalOf(fixture), undefined);
});

test('an attempt that takes ten seconds is an outage, and goes on', () => {
  const { breaker, clock, told } = create();
  const attempt = breaker.beginAttempt();
  clock.advance(9999);
  assert.equal(refusalOf({ breaker }), undefined);
  clock.advance(1);
  assert.equal(refusalOf({ breaker }), 'ERR_TOR_TIMEOUT');
  assert.equal(breaker.state, 'half_open');
  assert.deepEqual(told, ['ERR_TOR_TIMEOUT']);
  attempt?.end();
  assert.equal(breaker.state, 'open');
});

test('in an outage the next attempt waits no more than ten seconds for one that hangs, and for its pause', () => {
  const fixture = create();
  const { breaker, clock, told } = fixture;
  const attempts = [breaker.beginAttempt(), breaker.beginAttempt()];
  clock.advance(9_900);
  attempts[0]?.end();
  fail(fixture, 1);
  clock.advance(100);
  assert.equal(breaker.beginAttempt(), undefined);
  clock.advance(150);
  assert.deepEqual(told, ['ERR_TOR_TIMEOUT', 'may connect', 'may connect']);
  assert.ok(breaker.beginAttempt() !== undefined);
  assert.equal(breaker.beginAttempt(), undefined);
  clock.advance(10_000);
  assert.deepEqual(told.slice(3), ['ERR_TOR_TIMEOUT', 'may connect']);
  assert.ok(breaker.beginAttempt() !== undefined);
});

test('an answer ends an outage, and the next failure is a first one', () => {
  const fixture = create();
  const { breaker, clock, told } = fixture;
  fail(fixture, 4);
  breaker.recordSuccess();
  assert.equal(refusalOf({ breaker }), undefined);
  assert.equal(breaker.state, 'closed');
  assert.deepEqual(told, ['ERR_TOR_TIMEOUT', 'ERR_TOR_TIMEOUT', 'may connect']);
  assert.ok(breaker.beginAttempt() !== undefined && breaker.beginAttempt() !== undefined);
  assert.equal(breaker.recordFailure(new Dns4torError('ERR_TOR_TIMEOUT')), 250);
  breaker[Symbol.dispose]();
  assert.equal(clock.pendingTimers, 0);
});

test('how the latest attempt failed is known until there is an answer', () => {
  const { breaker } = create();
  breaker.recordFailure(new Dns4torError('ERR_TOR_TIMEOUT'));
  breaker.recordFailure(new Dns4torError('ERR_TLS_NAME'));
  assert.equal(breaker.lastError?.code, 'ERR_TLS_NAME');
  breaker.recordSuccess();
  assert.equal(breaker.lastError, undefined);
});

test('in a long pause an attempt may be made after four seconds if a query wants one', () => {
  const fixture = create();
  const { breaker, clock, told } = fixture;
  fail(fixture, 8);
  clock.advance(3999);
  assert.equal(breaker.beginAttempt(), undefined);
  clock.advance(1);
  const attempt = breaker.beginAttempt();
  assert.ok(attempt !== undefined);
  assert.equal(breaker.beginAttempt(), undefined);
  assert.ok(!told.includes('may connect'));
  attempt.end();
  fail(fixture, 1);
  assert.equal(breaker.beginAttempt(), undefined);
});

test('in an outage an attempt that hangs makes a query wait no longer than four seconds for the next', () => {
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
