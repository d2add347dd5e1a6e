import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Random } from '../../lib/random.ts';
import { readControlCookie } from './control-cookie.ts';
import { quotedStrings } from './quoted-strings.ts';
import type { TorAddress } from '../tor-address.ts';

// control-spec, "AUTHCHALLENGE": the keys of the two HMAC-SHA256.
const SERVER_KEY = 'Tor safe cookie authentication server-to-controller hash';
const CONTROLLER_KEY = 'Tor safe cookie authentication controller-to-server hash';
const NONCE_BYTES = 32;

/**
 * Authenticates a control connection with SAFECOOKIE, in which the other side has to prove first that it knows the cookie:
 * so the answers that follow, and the keys that are sent, are exchanged with a tor. The other methods (NULL, COOKIE,
 * a password) prove nothing of it, and plain COOKIE would hand the file's content to whoever asks for it.
 *
 * @param command sends one command and returns the lines of its reply
 * @throws Error the control port does not offer it, or fails the proof; what `command` and `readControlCookie` throw
 */
export async function authenticate(
  command: (command: string) => Promise<readonly string[]>,
  address: TorAddress,
  random: Random,
): Promise<void> {
  // Allowed before authentication. Tor accepts connections before it has written a new cookie, and answers after that.
  const cookie = await readControlCookie(cookiePath(await command('PROTOCOLINFO 1')), address);
  const clientNonce = Buffer.from(random.bytes(NONCE_BYTES));
  const [reply = ''] = await command(`AUTHCHALLENGE SAFECOOKIE ${clientNonce.toString('hex')}`);
  const [, serverHash, serverNonce] =
    /^AUTHCHALLENGE SERVERHASH=([0-9A-F]{64}) SERVERNONCE=([0-9A-F]{64})$/i.exec(reply) ?? [];
  if (serverHash === undefined || serverNonce === undefined) throw new Error('it did not take the challenge');
  const message = Buffer.concat([cookie, clientNonce, Buffer.from(serverNonce, 'hex')]);
  if (!timingSafeEqual(hmac(SERVER_KEY, message), Buffer.from(serverHash, 'hex'))) {
    throw new Error('it does not know what is in the cookie file it names');
  }
  await command(`AUTHENTICATE ${hmac(CONTROLLER_KEY, message).toString('hex')}`);
}

function cookiePath(protocolInfo: readonly string[]): string {
  const line = protocolInfo.find((text) => text.startsWith('AUTH ')) ?? '';
  const methods = /^AUTH METHODS=(\S+)/.exec(line)?.[1]?.split(',') ?? [];
  const [path] = quotedStrings(line);
  if (!methods.includes('SAFECOOKIE') || path === undefined) {
    throw new Error('it does not let a cookie authenticate (CookieAuthentication 1)');
  }
  return path;
}

function hmac(key: string, message: Uint8Array): Buffer {
  return createHmac('sha256', key).update(message).digest();
}
