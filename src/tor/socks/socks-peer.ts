import type { Socket } from 'node:net';
import { Dns4torError } from '../../failures/errors.ts';
import { formatTorAddress, type TorAddress } from '../../model/tor-address.ts';

/**
 * What is known of the program at the other end of a SOCKS connection: `tor` if it is Tor for certain, `foreign` if
 * another unprivileged user runs it, `unknown` if the system does not tell.
 */
export type PeerStanding = 'tor' | 'foreign' | 'unknown';

/** The standings at which dns4tor uses a connection. */
export type ToleratedStanding = Exclude<PeerStanding, 'foreign'>;

/** Finds out which program accepted a connection to a SOCKS address. Waits until it has accepted. Never rejects. */
export type JudgePeer = (address: TorAddress, connection: Socket) => Promise<PeerStanding>;

/** Trusts the Tor that dns4tor started itself: only that can listen in its private directory. */
export const judgeManagedTor: JudgePeer = async () => 'tor';

/**
 * Judges the program at the other end of a connection for as long as the connection is open.
 *
 * @throws Dns4torError ERR_TOR_FOREIGN another user runs the program, which could send the traffic anywhere
 * @throws Error the connection closed before the judgement
 */
export async function judgeWhileOpen(
  judge: JudgePeer,
  address: TorAddress,
  connection: Socket,
): Promise<ToleratedStanding> {
  const { promise: closed, reject } = Promise.withResolvers<never>();
  const onClose = (): void => reject(new Error('closed'));
  connection.on('close', onClose);
  try {
    // Leak mutation: peer
    const standing = await Promise.race([judge(address, connection), closed]);
    if (standing === 'foreign') throw new Dns4torError('ERR_TOR_FOREIGN', formatTorAddress(address));
    return standing;
  } finally {
    connection.off('close', onClose);
  }
}
