import { delay } from '../lib/clock.ts';
import { Dns4torError } from '../lib/errors.ts';
import { isErrno } from './file-system.ts';
import type { Machine } from './machine.ts';

/** Below /run, which is empty after a start of the machine: no process id in it can be of another time. */
const PATH = '/run/dns4tor-install.lock';

/** Longer than an installation with its checks takes. */
const PATIENCE_MS = 90_000;
const PAUSE_MS = 200;

/**
 * Does `work` while no other process changes this machine by these means: `confirm` may come in the second in which its time is up.
 *
 * @throws {Dns4torError} ERR_SYSTEM_BUSY when another one does not come to its end
 */
export async function withLock<T>(machine: Machine, work: () => Promise<T>): Promise<T> {
  const { fs, clock } = machine;
  const givenUpAt = clock.now() + PATIENCE_MS;
  while (!(await tryLock(machine))) {
    if (clock.now() >= givenUpAt) throw new Dns4torError('ERR_SYSTEM_BUSY');
    await delay(clock, PAUSE_MS);
  }
  try {
    return await work();
  } finally {
    // One that stays is of a process that has ended, and the next one takes it.
    await fs.remove(PATH).catch(() => {});
  }
}

async function tryLock(machine: Machine): Promise<boolean> {
  const { fs, pid, isAlive } = machine;
  const { uid = 0, gid = 0 } = (await fs.inspect('/run')) ?? {};
  try {
    await fs.create(PATH, Buffer.from(`${pid}\n`), { mode: 0o644, uid, gid });
    return true;
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
  try {
    const holder = Number.parseInt(Buffer.from(await fs.read(PATH)).toString(), 10);
    if (holder !== pid && isAlive(holder)) return false;
    await fs.remove(PATH);
  } catch (error) {
    // Its holder has just let go of it.
    if (!isErrno(error, 'ENOENT')) throw error;
  }
  return tryLock(machine);
}
