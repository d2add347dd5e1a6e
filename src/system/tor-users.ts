import { readFile } from 'node:fs/promises';
import process from 'node:process';
import { readTorUids } from '../lib/tor-uids.ts';

/** How far something is known to be Tor's: for certain; not at all, for it is somebody else's; or the system does not say. */
export type Standing = 'tor' | 'foreign' | 'unknown';

const ROOT_UID = 0;
/** Stands for every user who has no number in a user namespace (user_namespaces(7), "Unmapped user and group IDs"). */
const OVERFLOW_UID = 65_534;
const ALL_UIDS = 4_294_967_295;

/**
 * Whose a user's programs are: Tor's are those of root, of Tor's own user by /etc/passwd, and of the user who runs dns4tor, also by way of
 * sudo. All of these can do as they please with dns4tor anyway, or are what it is to trust.
 */
export async function standingOfUser(uid: number): Promise<Standing> {
  if (uid === ROOT_UID || uid === process.geteuid?.() || uid === sudoUid()) return 'tor';
  // Without a user namespace that number is the user `nobody`.
  if (uid === OVERFLOW_UID && !(await areAllUsersMapped())) return 'unknown';
  return readTorUids().has(uid) ? 'tor' : 'foreign';
}

/** Who became root to run this. Only root's own surroundings count: anybody can set a variable. */
function sudoUid(): number | undefined {
  const text = process.env['SUDO_UID'] ?? '';
  return process.geteuid?.() === ROOT_UID && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

/** Whether each user of the machine has a number here (user_namespaces(7), "/proc/pid/uid_map"). */
async function areAllUsersMapped(): Promise<boolean> {
  const map = await readFile('/proc/self/uid_map', 'utf8').catch(() => '');
  const counts = map
    .trim()
    .split('\n')
    .map((line) => Number(line.trim().split(/\s+/)[2]));
  return counts.reduce((total, count) => total + count, 0) >= ALL_UIDS;
}
