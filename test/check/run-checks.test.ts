import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Check, type Result, runChecks } from '../../src/check/run-checks.ts';
import { ok } from '../../src/check/check-verdict.ts';
import type { Facts } from '../../src/check/facts.ts';
import { Dns4torError } from '../../src/failures/errors.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';

/** Checks that look at nothing. */
const NO_FACTS = {} as Facts;

function run(
  checks: readonly Check[],
  clock = new ManualClock(),
  onProgress = (): void => {},
): Promise<readonly Result[]> {
  return runChecks(checks, NO_FACTS, clock, onProgress);
}

test('all run at once, and their results are in the order of the checks, not that of their ends', async () => {
  const first = Promise.withResolvers<void>();
  const left: string[] = [];
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
    (checks) => left.push(checks.map(({ id }) => id).join(' ')),
  );
  assert.deepEqual(results, [
    { id: 'a', subject: 'one', status: 'ok', line: 'first' },
    { id: 'b', status: 'ok', line: 'second' },
  ]);
  assert.deepEqual(left[0], 'a b');
  assert.deepEqual(left.at(-1), '');
  assert.equal(clock.pendingTimers, 0);
});

test('a check that does not come to its end fails after 75 seconds, and the others are told', async () => {
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

test('a look at the system that fails is a failed check which shows no stack', async () => {
  const [file, foreign] = await run([
    { id: 'file', run: () => Promise.reject(new Dns4torError('ERR_SYSTEM_FILE', '/etc/resolv.conf (EACCES)')) },
    { id: 'foreign', run: () => Promise.reject(Object.assign(new Error('EACCES: …'), { code: 'EACCES' })) },
  ]);
  assert.equal(file?.status, 'fail');
  assert.match(file.line, /\/etc\/resolv\.conf \(EACCES\)/);
  assert.equal(foreign?.line, 'this could not be looked at: EACCES');
  assert.match(foreign.advice ?? '', /sudo/);
});
