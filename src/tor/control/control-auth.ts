import { createHmac, timingSafeEqual } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import type { Random } from '../../lib/random.ts';
import type { TorAddress } from '../../model/tor-address.ts';
import { quotedStrings } from './control-reply.ts';

// control-spec, "AUTHCHALLENGE": the keys of the two HMAC-SHA256.
const SERVER_KEY = 'Tor safe cookie authentication server-to-controller hash';
const CONTROLLER_KEY = 'Tor safe cookie authentication controller-to-server hash';
const NONCE_BYTES = 32;

/** control-spec, "AUTHENTICATE": "the contents of the file, which must be 32 bytes long". */
const COOKIE_BYTES = 32;

/** Names of cookie files: Tor's default and Debian's. */
const COOKIE_NAMES: ReadonlySet<string> = new Set(['control_auth_cookie', 'control.authcookie']);

/** Cookie files of system services. Only root and Tor's own user can write to these directories. */
const SYSTEM_COOKIES: ReadonlySet<string> = new Set([
  '/run/tor/control.authcookie',
  '/var/run/tor/control.authcookie',
  '/var/lib/tor/control_auth_cookie',
]);

const ROOT_UID = 0;

/** Why dns4tor does not authenticate to a control port. */
const REFUSALS = {
  NOT_OFFERED: 'it does not offer cookie authentication (torrc: CookieAuthentication 1)',
  BAD_CHALLENGE: 'its reply to AUTHCHALLENGE is malformed',
  BAD_PROOF: 'it does not know the contents of its own cookie file',
  COOKIE_NAME: 'its cookie file has an unexpected name',
  COOKIE_TYPE: 'its cookie file is not a regular file',
  COOKIE_OWNER: 'its cookie file belongs to another user',
  COOKIE_SIZE: `its cookie file does not hold ${COOKIE_BYTES} bytes`,
  COOKIE_UNREADABLE: 'its cookie file cannot be read',
} as const;

/** A control port that cannot prove to be Tor's. */
export class ControlAuthError extends Error {
  readonly code: keyof typeof REFUSALS;

  /** @param detail what the reason is about: a path, or a system error code with it */
  constructor(code: keyof typeof REFUSALS, detail?: string, cause?: unknown) {
    super(detail === undefined ? REFUSALS[code] : `${REFUSALS[code]}: ${detail}`, { cause });
    this.name = 'ControlAuthError';
    this.code = code;
  }
}

/**
 * Authenticates a control connection with SAFECOOKIE. This method makes the other side prove first that it knows the
 * cookie, so replies come from Tor and keys go to Tor. The other methods (NULL, COOKIE, a password) prove nothing, and
 * plain COOKIE would send the content of the file to any program that listens on the port.
 *
 * @param command sends one command and returns the lines of its reply
 * @throws ControlAuthError SAFECOOKIE is not offered, its proof fails, or the cookie file is unusable
 * @throws Dns4torError ERR_TOR_CONTROL from `command`
 */
export async function authenticate(
  command: (command: string) => Promise<readonly string[]>,
  address: TorAddress,
  random: Random,
): Promise<void> {
  // PROTOCOLINFO is allowed before authentication. Tor listens before it has written a new cookie, and replies after.
  const cookie = await readControlCookie(cookiePath(await command('PROTOCOLINFO 1')), address);
  const clientNonce = Buffer.from(random.bytes(NONCE_BYTES));
  const [reply = ''] = await command(`AUTHCHALLENGE SAFECOOKIE ${clientNonce.toString('hex')}`);
  const [, serverHash, serverNonce] =
    /^AUTHCHALLENGE SERVERHASH=([0-9A-F]{64}) SERVERNONCE=([0-9A-F]{64})$/i.exec(reply) ?? [];
  if (serverHash === undefined || serverNonce === undefined) throw new ControlAuthError('BAD_CHALLENGE');
  const message = Buffer.concat([cookie, clientNonce, Buffer.from(serverNonce, 'hex')]);
  if (!timingSafeEqual(hmac(SERVER_KEY, message), Buffer.from(serverHash, 'hex'))) {
    throw new ControlAuthError('BAD_PROOF');
  }
  await command(`AUTHENTICATE ${hmac(CONTROLLER_KEY, message).toString('hex')}`);
}

function cookiePath(protocolInfo: readonly string[]): string {
  const line = protocolInfo.find((text) => text.startsWith('AUTH ')) ?? '';
  const methods = /^AUTH METHODS=(\S+)/.exec(line)?.[1]?.split(',') ?? [];
  const [path] = quotedStrings(line);
  if (!methods.includes('SAFECOOKIE') || path === undefined) throw new ControlAuthError('NOT_OFFERED');
  return path;
}

/**
 * Reads the cookie file that a control port names. A malicious listener could name any file to make dns4tor disclose it
 * (control-spec, "AUTHCHALLENGE"), or its own file to pass for Tor. So the file must have the name and size of a cookie
 * and a trusted owner. Its content is never sent.
 */
async function readControlCookie(path: string, address: TorAddress): Promise<Uint8Array> {
  if (!COOKIE_NAMES.has(basename(path))) throw new ControlAuthError('COOKIE_NAME', path);
  await using file = await openWithoutBlocking(path);
  const stats = await file.stat();
  if (!stats.isFile()) throw new ControlAuthError('COOKIE_TYPE', path);
  if (!isTrustedCookie(resolve(path), stats.uid, process.geteuid?.(), address)) {
    throw new ControlAuthError('COOKIE_OWNER', path);
  }
  const { bytesRead, buffer } = await file.read(new Uint8Array(COOKIE_BYTES + 1), { position: 0 });
  if (bytesRead !== COOKIE_BYTES) throw new ControlAuthError('COOKIE_SIZE', path);
  return buffer.subarray(0, COOKIE_BYTES);
}

/**
 * Whether only a trusted Tor can know the content of the cookie file. Any user of the machine can listen on a port that
 * Tor has released, and name a cookie file of their own.
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
  // A cookie beside the control socket is as trustworthy as the socket, and the user configured that directory.
  return address.kind === 'unix' && dirname(path) === dirname(resolve(address.path));
}

async function openWithoutBlocking(path: string): Promise<FileHandle> {
  try {
    // Opening a named pipe would otherwise block until somebody writes to it.
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ControlAuthError('COOKIE_UNREADABLE', `${path} (${code})`, error);
  }
}

function hmac(key: string, message: Uint8Array): Buffer {
  return createHmac('sha256', key).update(message).digest();
}
