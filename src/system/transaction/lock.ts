import { delay } from '../../lib/clock.ts';
import { Dns4torError } from '../../failures/errors.ts';
import { type FileSystem, isErrno, toFileError } from './file-system.ts';
import type { Machine } from '../machine.ts';

/** In /run, which is empty after boot, though not in every container. */
const PATH = '/run/dns4tor-install.lock';

/** Longer than an installation with its checks takes. */
const PATIENCE_MS = 90_000;
const PAUSE_MS = 200;

const SEPARATOR = ':';

/**
 * proc_pid_stat(5): field 22, the start time in ticks since boot, counted from after field 2, which may hold spaces and
 * parentheses.
 */
const STARTED_AFTER_NAME = 22 - 3;

/**
 * Does `work` while no other process changes this machine by these means: `confirm` may come in the second in which its time is up.
 *
 * @throws {Dns4torError} ERR_SYSTEM_BUSY when another one does not come to its end; ERR_SYSTEM_FILE where there can be no lock
 */
export async function withLock<T>(machine: Machine, work: () => Promise<T>): Promise<T> {
  const { fs, clock } = machine;
  const givenUpAt = clock.now() + PATIENCE_MS;
  const self = await identityOf(fs, machine.pid);
  while (!(await tryLock(machine, self, PATH))) {
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

async function tryLock(machine: Machine, self: string, path: string): Promise<boolean> {
  const { fs } = machine;
  try {
    if (await place(fs, self, path)) return true;
    if (!(await isLeftOver(machine, path))) return false;
    // One at a time looks again and takes it away, or the slower of two would take away the lock that the faster has placed meanwhile.
    const guard = `${path}.left-over`;
    if (!(await tryLock(machine, self, guard))) return false;
    try {
      if (await isLeftOver(machine, path)) await fs.remove(path);
    } finally {
      await fs.remove(guard).catch(() => {});
    }
    return await place(fs, self, path);
  } catch (error) {
    throw toFileError(path, error);
  }
}

/**
 * Creates the lock: a dangling symbolic link to its holder's identity. Unlike a file, it appears with its content
 * atomically (symlink(2)).
 */
async function place(fs: FileSystem, self: string, path: string): Promise<boolean> {
  try {
    await fs.link(path, self);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  }
}

/** Whether its holder has died, even if another process has got its process id since. */
async function isLeftOver({ fs, pid, isAlive }: Machine, path: string): Promise<boolean> {
  try {
    const holder = await fs.readLink(path);
    const holderPid = Number.parseInt(holder, 10);
    if (holderPid === pid || !isAlive(holderPid)) return true;
    const current = await identityOf(fs, holderPid);
    // Without a start time, the process id has to do.
    return holder.includes(SEPARATOR) && current.includes(SEPARATOR) && holder !== current;
  } catch (error) {
    // Its holder has just let go of it.
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

/**
 * A process id, start time and boot id, which together are never reused. Only the process id where /proc does not have
 * the rest.
 */
async function identityOf(fs: FileSystem, pid: number): Promise<string> {
  try {
    const stat = Buffer.from(await fs.read(`/proc/${pid}/stat`)).toString('latin1');
    const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[STARTED_AFTER_NAME];
    const boot = Buffer.from(await fs.read('/proc/sys/kernel/random/boot_id'))
      .toString('latin1')
      .trim();
    return started === undefined ? String(pid) : [pid, started, boot].join(SEPARATOR);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH', 'EACCES')) return String(pid);
    throw error;
  }
}
