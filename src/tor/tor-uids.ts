import { readFileSync } from 'node:fs';

/** Names of Tor's user in Debian; OpenBSD and Homebrew; Arch and Alpine; Fedora. */
const TOR_USERS: ReadonlySet<string> = new Set(['debian-tor', '_tor', 'tor', 'toranon']);
/** SYS_UID_MAX of login.defs(5). Higher UIDs belong to people, one of whom may be called tor. */
const MAX_SYSTEM_UID = 999;

/** Reads the UIDs of Tor's users from /etc/passwd. getpwnam(3) could query a directory service over the network. */
export function readTorUids(): ReadonlySet<number> {
  const uids = readUsers()
    .map((line) => line.split(':'))
    .filter(([name = '']) => TOR_USERS.has(name))
    .map(([, , uid]) => Number(uid))
    .filter((uid) => Number.isInteger(uid) && uid <= MAX_SYSTEM_UID);
  return new Set(uids);
}

function readUsers(): readonly string[] {
  try {
    return readFileSync('/etc/passwd', 'utf8').split('\n');
  } catch {
    return [];
  }
}
