import { readFile } from 'node:fs/promises';
import process from 'node:process';
import { readTorUids } from '../../tor/tor-uids.ts';

/**
 * Whether something is Tor's: `tor` for certain, `foreign` if another user owns it, `unknown` if the system does not
 * say.
 */
export type Standing = 'tor' | 'foreign' | 'unknown';

const ROOT_UID = 0;
/** The id shown for every unmapped user in a user namespace (user_namespaces(7), "Unmapped user and group IDs"). */
const OVERFLOW_UID = 65_534;
const ALL_UIDS = 4_294_967_295;

/**
 * Judges a user's programs. Trusted as Tor's: those of root, of Tor's own user in /etc/passwd, and of the user who runs
 * dns4tor, directly or by sudo. Root and that user control dns4tor anyway.
 */
export async function standingOfUser(uid: number): Promise<Standing> {
  if (uid === ROOT_UID || uid === process.geteuid?.() || uid === sudoUid()) return 'tor';
  // Outside a user namespace, this id is the user `nobody`.
  if (uid === OVERFLOW_UID && !(await areAllUsersMapped())) return 'unknown';
  // Leak mutation: user
  return readTorUids().has(uid) ? 'tor' : 'foreign';
}

/** The user who became root by sudo. Read only as root, because any user can set the variable. */
function sudoUid(): number | undefined {
  const text = process.env['SUDO_UID'] ?? '';
  return process.geteuid?.() === ROOT_UID && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

/** Whether every user of the machine is mapped here (user_namespaces(7), "/proc/pid/uid_map"). */
async function areAllUsersMapped(): Promise<boolean> {
  const map = await readFile('/proc/self/uid_map', 'utf8').catch(() => '');
  const counts = map
    .trim()
    .split('\n')
    .map((line) => Number(line.trim().split(/\s+/)[2]));
  return counts.reduce((total, count) => total + count, 0) >= ALL_UIDS;
}
