import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { withLock } from '../../src/system/lock.ts';
import { createRig } from './rig.ts';

const LOCK = '/run/dns4tor-install.lock';

test('one waits for the other, and lets go even when its work fails', async () => {
  await using rig = await createRig();
  const order: string[] = [];
  const other = { ...rig.machine, pid: rig.machine.pid + 1, isAlive: () => true };
  let finish = (): void => {};
  const first = withLock(rig.machine, async () => {
    await new Promise<void>((resolve) => (finish = resolve));
    order.push('first');
    throw new Error('failed');
  });
  while (finish.name === 'finish') await setImmediate();
  const second = withLock(other, async () => {
    order.push('second');
  });
  while (rig.clock.pendingTimers === 0) await setImmediate();
  finish();
  await assert.rejects(first, /failed/);
  rig.clock.advance(1000);
  await second;
  assert.deepEqual(order, ['first', 'second']);
  assert.equal(await rig.machine.fs.inspect(LOCK), undefined);
});

test('the lock of a process that has died is taken, one of a process that lives is waited for in vain', async () => {
  await using rig = await createRig();
  await rig.write(LOCK, '4711\n');
  await withLock({ ...rig.machine, isAlive: () => false }, async () => {});
  await rig.write(LOCK, '4711\n');
  const waiting = assert.rejects(
    withLock({ ...rig.machine, isAlive: () => true }, async () => assert.fail('it was taken')),
    { code: 'ERR_SYSTEM_BUSY' },
  );
  const over = new AbortController();
  void waiting.finally(() => over.abort());
  while (!over.signal.aborted) await rig.clock.advanceAsync(30_000);
  await waiting;
});
