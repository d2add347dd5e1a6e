import type { Random } from '../lib/random.ts';

/**
 * What Tor keeps apart: streams with different SOCKS credentials never share a circuit (IsolateSOCKSAuth, on by default).
 * Tor checks neither of the two; both are sent, and never empty.
 */
export interface IsolationCredentials {
  readonly username: string;
  readonly password: string;
}

// A guess would let another program of this machine join our circuits and count our queries by their timing: 128 bits.
const SECRET_BYTES = 16;

/**
 * One new identity. Hexadecimal, because Tor gives usernames that begin with `<torS0X>` a meaning of their own
 * (socks-extensions.txt §1.1), and because an empty one makes SOCKS clients leave authentication out without a word.
 */
export function createIsolationCredentials(random: Random): IsolationCredentials {
  const secret = (): string => Buffer.from(random.bytes(SECRET_BYTES)).toString('hex');
  return { username: secret(), password: secret() };
}
