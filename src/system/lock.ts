import { delay } from '../lib/clock.ts';
import { Dns4torError } from '../lib/errors.ts';
import { isErrno, toFileError } from './file-system.ts';
import type { Machine } from './machine.ts';

/** Below /run, which is empty after a start of the machine: no process id in it can be of another time. */
const PATH = '/run/dns4tor-install.lock';

/** Longer than an installation with its checks takes. */
const PATIENCE_MS = 90_000;
const PAUSE_MS = 200;

/**
 * Does `work` while no other process changes this machine by these means: `confirm` may come in the second in which its time is up.
 *
 * @throws {Dns4torError} ERR_SYSTEM_BUSY when another one does not come to its end; ERR_SYSTEM_FILE where there can be no lock
 */
export async function withLock<T>(machine: Machine, work: () => Promise<T>): Promise<T> {
  const { fs, clock } = machine;
  const givenUpAt = clock.now() + PATIENCE_MS;
  while (!(await tryLock(machine, PATH))) {
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

async function tryLock(machine: Machine, path: string): Promise<boolean> {
  const { fs } = machine;
  try {
    if (await place(machine, path)) return true;
    if (!(await isLeftOver(machine, path))) return false;
    // One at a time looks again and takes it away, or the slower of two would take away the lock that the faster has placed meanwhile.
    const guard = `${path}.left-over`;
    if (!(await tryLock(machine, guard))) return false;
    try {
      if (await isLeftOver(machine, path)) await fs.remove(path);
    } finally {
      await fs.remove(guard).catch(() => {});
    }
    return await place(machine, path);
  } catch (error) {
    throw toFileError(path, error);
  }
}

/** A symbolic link to no file but its holder's process id: unlike a file, it is there with all that it says at once (symlink(2)). */
async function place({ fs, pid }: Machine, path: string): Promise<boolean> {
  try {
    await fs.link(path, String(pid));
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  }
}

/** Whether its holder has died. */
async function isLeftOver({ fs, pid, isAlive }: Machine, path: string): Promise<boolean> {
  try {
    const holder = Number(await fs.readLink(path));
    return holder === pid || !isAlive(holder);
  } catch (error) {
    // Its holder has just let go of it.
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}
