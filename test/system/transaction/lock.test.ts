import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import fc, { type Scheduler } from 'fast-check';
import type { Machine } from '../../../src/system/machine.ts';
import { createFileSystem, type FileSystem } from '../../../src/system/transaction/file-system.ts';
import { withLock } from '../../../src/system/transaction/lock.ts';
import { failWith } from '../failing-file-system.ts';
import { createRig, type Rig } from '../rig.ts';

const LOCK = '/run/dns4tor-install.lock';

test('a second process waits, and the lock is released even if the work fails', async () => {
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

test('the lock of a dead process is taken; for that of a live process, the wait times out', async () => {
  await using rig = await createRig();
  await rig.link(LOCK, '4711');
  await withLock({ ...rig.machine, isAlive: () => false }, async () => {});
  assert.deepEqual(await rig.machine.fs.list('/run'), []);
  await rig.link(LOCK, '4711');
  await assert.rejects(
    inTime(
      rig,
      withLock({ ...rig.machine, isAlive: () => true }, async () => assert.fail('it was taken')),
    ),
    { code: 'ERR_SYSTEM_BUSY' },
  );
});

/** Advances the clock until the work is done. */
async function inTime(rig: Rig, work: Promise<void>): Promise<void> {
  const over = new AbortController();
  const done = work.finally(() => over.abort());
  done.catch(() => {});
  while (!over.signal.aborted) await rig.clock.advanceAsync(30_000);
  await done;
}

/** A line of proc_pid_stat(5) whose process name contains the characters that end it. */
function statOf(pid: number, startedTicks: number): string {
  return `${pid} (dns) 7 (4tor) S 1 ${'0 '.repeat(17)}${startedTicks} 0 0\n`;
}

const BOOT_ID = '/proc/sys/kernel/random/boot_id';

test('the lock of a dead process is taken even if another process has reused its id', async () => {
  await using rig = await createRig();
  const machine = { ...rig.machine, isAlive: () => true };
  for (const [startedTicks, boot] of [
    [1001, 'first'],
    [1000, 'second'],
  ] as const) {
    await rig.write(BOOT_ID, 'first\n');
    await rig.write('/proc/4711/stat', statOf(4711, 1000));
    let holder = '';
    await withLock({ ...machine, pid: 4711 }, async () => void (holder = await rig.machine.fs.readLink(LOCK)));
    await rig.link(LOCK, holder);
    await rig.write(BOOT_ID, `${boot}\n`);
    await rig.write('/proc/4711/stat', statOf(4711, startedTicks));
    await inTime(
      rig,
      withLock(machine, async () => {}),
    );
    assert.deepEqual(await rig.machine.fs.list('/run'), []);
  }
});

test('the lock of a live process is waited for, even if an older version wrote it without a start time', async () => {
  await using rig = await createRig();
  await rig.write(BOOT_ID, 'first\n');
  await rig.write('/proc/4711/stat', statOf(4711, 1000));
  for (const holder of ['4711', '4711:1000:first']) {
    await rig.link(LOCK, holder);
    await assert.rejects(
      inTime(
        rig,
        withLock({ ...rig.machine, isAlive: () => true }, async () => assert.fail('it was taken')),
      ),
      { code: 'ERR_SYSTEM_BUSY' },
    );
    await rig.machine.fs.remove(LOCK);
  }
});

test('on a real machine, the lock records the holder’s start time', async () => {
  await using rig = await createRig();
  const { fs: folder } = rig.machine;
  const fs: FileSystem = { ...folder, read: (path) => createFileSystem().read(path) };
  await withLock({ ...rig.machine, fs, pid: process.pid }, async () =>
    assert.match(await folder.readLink(LOCK), new RegExp(`^${process.pid}:\\d+:[0-9a-f-]{36}$`)),
  );
});

test('an unreadable lock does not count as that of a dead process', async () => {
  await using rig = await createRig();
  await rig.write(LOCK, '');
  await assert.rejects(
    withLock({ ...rig.machine, isAlive: () => false }, async () => assert.fail('it was taken')),
    { code: 'ERR_SYSTEM_FILE', message: /^\/run\/dns4tor-install\.lock \(EINVAL\)/ },
  );
});

test('an unwritable /run is reported as an error, not as a defect', async () => {
  await using rig = await createRig();
  const fs = failWith(rig.machine.fs, { link: 'EROFS' });
  await assert.rejects(
    withLock({ ...rig.machine, fs }, async () => {}),
    { code: 'ERR_SYSTEM_FILE', message: /^\/run\/dns4tor-install\.lock \(EROFS\)/ },
  );
});

test('two processes never hold the lock at once, in any order of operations, even if both find a stale one', () =>
  fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      const links = new Map([[LOCK, '1']]);
      const held = new Set<number>();
      const contend = (pid: number): Promise<void> =>
        withLock(createContender(scheduler, links, pid), async () => {
          held.add(pid);
          assert.equal(held.size, 1);
          await scheduler.schedule(Promise.resolve(), `${pid} works`);
          held.delete(pid);
        });
      await scheduler.waitFor(Promise.all([2, 3, 4].map(contend)));
      assert.equal(links.size, 0);
    }),
    { numRuns: 200 },
  ));

/** A process that only uses symbolic links. The scheduler orders its operations. */
function createContender(scheduler: Scheduler, links: Map<string, string>, pid: number): Machine {
  const inTurn = async <T>(label: string, operation: () => T): Promise<T> => {
    await scheduler.schedule(Promise.resolve(), `${pid} ${label}`);
    return operation();
  };
  const refuse = (code: string): never => {
    throw Object.assign(new Error(code), { code });
  };
  const fs = {
    link: (path, target) => inTurn('link', () => void (links.has(path) ? refuse('EEXIST') : links.set(path, target))),
    readLink: (path) => inTurn('readLink', () => links.get(path) ?? refuse('ENOENT')),
    read: () => Promise.reject(Object.assign(new Error('ENOENT'), { code: 'ENOENT' })),
    remove: (path) => inTurn('remove', () => void (links.delete(path) || refuse('ENOENT'))),
  } satisfies Partial<FileSystem>;
  const clock = {
    now: () => 0,
    schedule: (_delayMs: number, callback: () => void) => {
      void scheduler.schedule(Promise.resolve(), `${pid} waits`).then(callback);
      return { cancel: () => {} };
    },
  };
  return { fs, clock, pid, isAlive: (other: number) => other !== 1 } as unknown as Machine;
}
