import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import type { TorAddress } from '../tor-address.ts';

/** control-spec, "AUTHENTICATE": "the contents of the file, which must be 32 bytes long". */
const COOKIE_BYTES = 32;

/** Tor's own name for it, and Debian's. */
const COOKIE_NAMES: ReadonlySet<string> = new Set(['control_auth_cookie', 'control.authcookie']);

/** Where a system's tor keeps it, under a user of its own. Nobody else can write there. */
const SYSTEM_COOKIES: ReadonlySet<string> = new Set([
  '/run/tor/control.authcookie',
  '/var/run/tor/control.authcookie',
  '/var/lib/tor/control_auth_cookie',
]);

const ROOT_UID = 0;

/**
 * Reads the cookie file that a control port has named. Whoever listens there could name any file, to have us read and show
 * it (control-spec, "AUTHCHALLENGE"), or name one of his own, to be taken for Tor: so only a file is read that is called
 * and sized like a cookie, and only one believed that a trusted user has put there. Nothing of it is ever sent.
 *
 * @throws Error the file cannot be read, or is not one to be trusted; the message says why
 */
export async function readControlCookie(path: string, address: TorAddress): Promise<Uint8Array> {
  if (!COOKIE_NAMES.has(basename(path))) throw new Error(`the cookie file it names, ${path}, is not called as one`);
  await using file = await openWithoutWaiting(path);
  const stats = await file.stat();
  if (!stats.isFile()) throw new Error(`the cookie file it names, ${path}, is none`);
  if (!isTrustedCookie(resolve(path), stats.uid, process.geteuid?.(), address)) {
    throw new Error(`the cookie file it names, ${path}, belongs to another user`);
  }
  const { bytesRead, buffer } = await file.read(new Uint8Array(COOKIE_BYTES + 1), { position: 0 });
  if (bytesRead !== COOKIE_BYTES) {
    throw new Error(`the cookie file it names, ${path}, does not hold ${COOKIE_BYTES} bytes`);
  }
  return buffer.subarray(0, COOKIE_BYTES);
}

/**
 * Whether what this file holds is known to a tor that is to be believed, and not to any user of this machine who listens on
 * a port that Tor has left.
 *
 * @param path absolute and normalised
 */
export function isTrustedCookie(
  path: string,
  ownerUid: number,
  ourUid: number | undefined,
  address: TorAddress,
): boolean {
  if (ownerUid === ROOT_UID || ownerUid === ourUid || SYSTEM_COOKIES.has(path)) return true;
  // Who could put the socket into its directory could have put any cookie there; that directory was chosen by us.
  return address.kind === 'unix' && dirname(path) === dirname(resolve(address.path));
}

async function openWithoutWaiting(path: string): Promise<FileHandle> {
  try {
    // A named pipe would let us wait for somebody who writes to it.
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`the cookie file it names, ${path}, cannot be read (${code})`, { cause: error });
  }
}
