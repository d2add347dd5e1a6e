import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dns4torError } from '../../../src/failures/errors.ts';
import { advanceUntilSettled, answer, startRig } from '../rig.ts';

const OUTAGE_SECONDS = 600;
const RECOVERY_MS = 5000;

test('after ten minutes without Tor, a client that asks every second is answered within 5 s', async () => {
  let broken = true;
  let attempts = 0;
  await using rig = await startRig(answer, {
    connect: (plain) => () => {
      attempts++;
      return broken ? Promise.reject(new Dns4torError('ERR_TOR_HOST_UNREACHABLE')) : plain();
    },
  });
  const tryToAsk = (): Promise<boolean> =>
    rig.ask('a.test', RECOVERY_MS).then(
      () => true,
      () => false,
    );
  let attemptsBefore = 0;
  // The worst moment to recover is just after an attempt has failed.
  for (let second = 0; second < OUTAGE_SECONDS || attempts === attemptsBefore; second++) {
    attemptsBefore = attempts;
    void tryToAsk();
    await rig.clock.advanceAsync(1000);
  }
  assert.ok(attempts < OUTAGE_SECONDS / 3);
  broken = false;
  const recoveredAt = rig.clock.now();
  while (!(await advanceUntilSettled(rig, tryToAsk()))) {
    assert.ok(rig.clock.now() - recoveredAt < RECOVERY_MS);
    await rig.clock.advanceAsync(1000);
  }
  assert.ok(rig.clock.now() - recoveredAt <= RECOVERY_MS + 1000);
});
