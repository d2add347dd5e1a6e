import { Dns4torError } from '../../failures/errors.ts';
import { delay } from '../../lib/clock.ts';
import type { Machine } from '../machine.ts';
import { type FileSystem, isErrno, toFileError } from './file-system.ts';

/** In /run, which is emptied at boot, though not in every container. */
const PATH = '/run/dns4tor-install.lock';

/** Longer than an installation takes, including its checks. */
const TIMEOUT_MS = 90_000;
const POLL_MS = 200;

const SEPARATOR = ':';

/**
 * proc_pid_stat(5): field 22, the start time in ticks since boot, counted from after field 2, which may hold spaces and
 * parentheses.
 */
const STARTED_AFTER_NAME = 22 - 3;

/**
 * Runs `work` under a lock, so that only one dns4tor process changes the machine at a time. For example, `confirm` may
 * run in the very second in which the timer rolls the installation back.
 *
 * @throws {Dns4torError} ERR_SYSTEM_BUSY if another process holds the lock for 90 s; ERR_SYSTEM_FILE if no lock can be
 *   created
 */
export async function withLock<T>(machine: Machine, work: () => Promise<T>): Promise<T> {
  const { fs, clock } = machine;
  const deadline = clock.now() + TIMEOUT_MS;
  const self = await identityOf(fs, machine.pid);
  while (!(await tryLock(machine, self, PATH))) {
    if (clock.now() >= deadline) throw new Dns4torError('ERR_SYSTEM_BUSY');
    await delay(clock, POLL_MS);
  }
  try {
    return await work();
  } finally {
    // If the lock cannot be removed, the next process sees that its holder has exited.
    await fs.remove(PATH).catch(() => {});
  }
}

async function tryLock(machine: Machine, self: string, path: string): Promise<boolean> {
  const { fs } = machine;
  try {
    if (await place(fs, self, path)) return true;
    if (!(await isStale(machine, path))) return false;
    // A second lock guards the removal. Otherwise the slower of two processes could remove the new lock of the faster.
    const guard = `${path}.left-over`;
    if (!(await tryLock(machine, self, guard))) return false;
    try {
      if (await isStale(machine, path)) await fs.remove(path);
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

/** Whether the lock's holder has exited, even if its process id was reused since. */
async function isStale({ fs, pid, isAlive }: Machine, path: string): Promise<boolean> {
  try {
    const holder = await fs.readLink(path);
    const holderPid = Number.parseInt(holder, 10);
    if (holderPid === pid || !isAlive(holderPid)) return true;
    const current = await identityOf(fs, holderPid);
    // Without a start time, only the process ids can be compared.
    return holder.includes(SEPARATOR) && current.includes(SEPARATOR) && holder !== current;
  } catch (error) {
    // The holder has just released it.
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

/**
 * Process id, start time and boot id, which together are never reused. Only the process id if /proc does not show the
 * rest.
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
