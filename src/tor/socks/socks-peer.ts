import type { Socket } from 'node:net';
import { Dns4torError } from '../../failures/errors.ts';
import { formatTorAddress, type TorAddress } from '../tor-address.ts';

/**
 * Whether a program is Tor: `tor` for certain, `foreign` if another user runs it, `unknown` if the system does not say.
 */
export type PeerStanding = 'tor' | 'foreign' | 'unknown';

/** The standings with which dns4tor uses a connection. */
export type ToleratedStanding = Exclude<PeerStanding, 'foreign'>;

/** Judges the program that accepts a connection to a SOCKS address, once it has accepted. Never rejects. */
export type JudgePeer = (address: TorAddress, connection: Socket) => Promise<PeerStanding>;

/** For a tor that dns4tor started itself, in its own directory. */
export const judgeAsOurs: JudgePeer = async () => 'tor';

/**
 * Judges the program that accepts a connection, while the connection stays open.
 *
 * @throws Dns4torError ERR_TOR_FOREIGN another user runs the program, so it could relay anywhere
 * @throws Error the connection closed first
 */
export async function judgeOpen(judge: JudgePeer, address: TorAddress, connection: Socket): Promise<ToleratedStanding> {
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
