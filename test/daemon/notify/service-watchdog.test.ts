import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceWatchdog } from '../../../src/daemon/notify/service-watchdog.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';

const LIMIT_MS = 60_000;

interface Rig {
  readonly clock: ManualClock;
  readonly failures: { readonly reason: string; readonly delaySeconds: number }[];
  readonly watchdog: ServiceWatchdog;
  /** Times of the signs of life. */
  readonly pings: number[];
  ask: () => Promise<boolean>;
}

function create(): Rig {
  const clock = new ManualClock();
  const pings: number[] = [];
  const failures: Rig['failures'] = [];
  const send = (...assignments: readonly string[]): void => {
    assert.deepEqual(assignments, ['WATCHDOG=1']);
    pings.push(clock.now());
  };
  const rig = { clock, pings, failures, ask: async () => true };
  const onFailed = (failure: Rig['failures'][number]): void => void failures.push(failure);
  const watchdog = new ServiceWatchdog({ clock, channel: { send }, ask: () => rig.ask(), onFailed }, LIMIT_MS);
  return Object.assign(rig, { watchdog });
}

/** Advances in small steps, so that each check can finish before the next is due. */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 500) await clock.advanceAsync(Math.min(500, left));
}

test('while queries are answered, a sign of life comes at once and then after half of the time limit', async () => {
  const { clock, pings, failures } = create();
  await pass(clock, 3 * LIMIT_MS);
  assert.equal(pings.length, 7);
  for (const [index, at] of pings.entries()) assert.ok(Math.abs(at - (index * LIMIT_MS) / 2) <= 500 * (index + 1));
  assert.deepEqual(failures, []);
});

for (const [what, ask] of [
  ['are not answered', () => new Promise<boolean>(() => {})],
  ['are answered wrongly', async () => false],
  ['fail', () => Promise.reject(new Error('asked.example'))],
] as const) {
  test(`while queries to itself ${what}, no sign of life is sent, and the check is repeated soon`, async () => {
    const rig = create();
    await pass(rig.clock, LIMIT_MS / 4);
    assert.equal(rig.pings.length, 1);
    rig.ask = ask;
    await pass(rig.clock, 2 * LIMIT_MS);
    assert.equal(rig.pings.length, 1);
    assert.ok(rig.failures.length >= 10, `${rig.failures.length}`);
    assert.ok(rig.failures.every(({ reason }) => !reason.includes('asked.example')));
    rig.ask = async () => true;
    await pass(rig.clock, LIMIT_MS / 4);
    assert.equal(rig.pings.length, 2);
  });
}

test('a long delay of the event loop withholds one sign of life; the next check makes up for it in time', async () => {
  const rig = create();
  await pass(rig.clock, 1000);
  rig.clock.stall(LIMIT_MS / 2 + 10_000);
  await rig.clock.advanceAsync(0);
  assert.equal(rig.pings.length, 1);
  assert.ok((rig.failures[0]?.delaySeconds ?? 0) >= 5);
  await pass(rig.clock, LIMIT_MS / 10);
  assert.equal(rig.pings.length, 2);
});

test('an event loop that is always late gets no sign of life', async () => {
  const rig = create();
  await pass(rig.clock, 1000);
  for (let i = 0; i < 20; i++) {
    rig.clock.stall(rig.clock.untilNextMs ?? 0);
    rig.clock.stall(6000);
    await rig.clock.advanceAsync(0);
  }
  assert.equal(rig.pings.length, 1);
});

test('after the stop there are no more checks, not even one that was under way', async () => {
  const rig = create();
  await pass(rig.clock, 1000);
  const asked = Promise.withResolvers<boolean>();
  rig.ask = () => asked.promise;
  rig.clock.advance(LIMIT_MS / 2);
  rig.watchdog[Symbol.dispose]();
  asked.resolve(true);
  await pass(rig.clock, LIMIT_MS);
  assert.equal(rig.pings.length, 1);
  assert.equal(rig.clock.pendingTimers, 0);
});
