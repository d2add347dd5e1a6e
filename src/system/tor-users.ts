import { readFile } from 'node:fs/promises';
import process from 'node:process';

/** How far something is known to be Tor's: for certain; not at all, for it is somebody else's; or the system does not say. */
export type Standing = 'tor' | 'foreign' | 'unknown';

const ROOT_UID = 0;
/** Under which distributions run Tor: Debian, OpenBSD and Homebrew, Arch and Alpine, Fedora. */
const TOR_USERS: ReadonlySet<string> = new Set(['debian-tor', '_tor', 'tor', 'toranon']);
/** login.defs(5), SYS_UID_MAX: above are people, one of whom may be called Tor. */
const MAX_SYSTEM_UID = 999;
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
  return (await readTorUids()).has(uid) ? 'tor' : 'foreign';
}

/** Who became root to run this. Only root's own surroundings count: anybody can set a variable. */
function sudoUid(): number | undefined {
  const text = process.env['SUDO_UID'] ?? '';
  return process.geteuid?.() === ROOT_UID && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

/** Not by getpwnam(3), which may ask a directory service over the network. */
async function readTorUids(): Promise<ReadonlySet<number>> {
  const lines = (await readFile('/etc/passwd', 'utf8').catch(() => '')).split('\n');
  const uids = lines
    .map((line) => line.split(':'))
    .filter(([name = '']) => TOR_USERS.has(name))
    .map(([, , uid]) => Number(uid))
    .filter((uid) => Number.isInteger(uid) && uid <= MAX_SYSTEM_UID);
  return new Set(uids);
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
