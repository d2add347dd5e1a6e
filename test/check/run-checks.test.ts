import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ok } from '../../src/check/check-verdict.ts';
import type { Facts } from '../../src/check/facts.ts';
import { type Check, type Result, runChecks } from '../../src/check/run-checks.ts';
import { Dns4torError } from '../../src/failures/errors.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';

/** For checks that use no facts. */
const NO_FACTS = {} as Facts;

function run(
  checks: readonly Check[],
  clock = new ManualClock(),
  onProgress = (): void => {},
): Promise<readonly Result[]> {
  return runChecks(checks, NO_FACTS, clock, onProgress);
}

test('checks run concurrently, and their results are in the order of the checks', async () => {
  const first = Promise.withResolvers<void>();
  const running: string[] = [];
  const clock = new ManualClock();
  const results = await runChecks(
    [
      { id: 'a', subject: 'one', run: () => first.promise.then(() => ok('first')) },
      {
        id: 'b',
        run: async () => {
          first.resolve();
          return ok('second');
        },
      },
    ],
    NO_FACTS,
    clock,
    (checks) => running.push(checks.map(({ id }) => id).join(' ')),
  );
  assert.deepEqual(results, [
    { id: 'a', subject: 'one', status: 'ok', line: 'first' },
    { id: 'b', status: 'ok', line: 'second' },
  ]);
  assert.deepEqual(running[0], 'a b');
  assert.deepEqual(running.at(-1), '');
  assert.equal(clock.pendingTimers, 0);
});

test('a check that hangs fails after 75 seconds, and the others are reported', async () => {
  const clock = new ManualClock();
  const running = run(
    [
      { id: 'hangs', run: () => new Promise(() => {}) },
      { id: 'ends', run: async () => ok('fine') },
    ],
    clock,
  );
  await clock.advanceAsync(75_000);
  assert.deepEqual(
    (await running).map(({ status }) => status),
    ['fail', 'ok'],
  );
});

test('a check that cannot read the system fails, without a stack', async () => {
  const [file, foreign] = await run([
    { id: 'file', run: () => Promise.reject(new Dns4torError('ERR_SYSTEM_FILE', '/etc/resolv.conf (EACCES)')) },
    { id: 'foreign', run: () => Promise.reject(Object.assign(new Error('EACCES: …'), { code: 'EACCES' })) },
  ]);
  assert.equal(file?.status, 'fail');
  assert.match(file.line, /\/etc\/resolv\.conf \(EACCES\)/);
  assert.equal(foreign?.status, 'fail');
  assert.match(foreign.line, /: EACCES$/);
  assert.match(foreign.advice ?? '', /sudo/);
});
