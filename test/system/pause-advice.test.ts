import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dns4torError } from '../../src/failures/errors.ts';
import { confirm } from '../../src/system/confirm.ts';
import { install } from '../../src/system/install.ts';
import { pause } from '../../src/system/pause.ts';
import { PauseAdvice } from '../../src/system/pause-advice.ts';
import { createRig, MANAGERS, type Rig, TARGET } from './rig.ts';

const MINUTE_MS = 60_000;
const BLOCKED = new Dns4torError('ERR_TOR_BLOCKED', 'Tor is stuck at 5 %');

/** Whether the advice changes what to do about a trouble, on a machine in its present state. */
async function isAdvised({ machine }: Rig, trouble: Dns4torError): Promise<boolean> {
  const advice = new PauseAdvice(machine.fs);
  await advice.refresh();
  const { code, detail, problem, remedy } = advice.advise(trouble);
  assert.deepEqual([code, detail, problem], [trouble.code, trouble.detail, trouble.problem]);
  return remedy !== trouble.remedy;
}

test('pause is advised only while dns4tor is the system resolver and not paused', async () => {
  await using rig = await createRig();
  await MANAGERS['a plain file'](rig);
  assert.equal(await isAdvised(rig, BLOCKED), false);
  await install(rig.machine, TARGET, { confirmWithinMs: MINUTE_MS });
  await confirm(rig.machine);
  assert.equal(await isAdvised(rig, BLOCKED), true);
  await pause(rig.machine, MINUTE_MS);
  assert.equal(await isAdvised(rig, BLOCKED), false);
});

test('pause is not advised where the network cannot be reached either, or a program has to be replaced', async () => {
  await using rig = await createRig();
  await MANAGERS['a plain file'](rig);
  await install(rig.machine, TARGET, { confirmWithinMs: MINUTE_MS });
  for (const code of ['ERR_TOR_OFFLINE', 'ERR_TOR_TRANSPORT'] as const) {
    assert.equal(await isAdvised(rig, new Dns4torError(code)), false, code);
  }
  for (const code of ['ERR_TOR_CLOCK', 'ERR_TOR_BRIDGES', 'ERR_TOR_TRANSPORT_NAME', 'ERR_TOR_STUCK'] as const) {
    assert.equal(await isAdvised(rig, new Dns4torError(code)), true, code);
  }
});
