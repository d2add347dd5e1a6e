import type { Socket } from 'node:net';
import { Dns4torError } from '../lib/errors.ts';
import { formatTorAddress, type TorAddress } from './tor-address.ts';

/** How far a program is known to be Tor: for certain; not at all, for it is another user's; or nothing says. */
export type PeerStanding = 'tor' | 'foreign' | 'unknown';

/** Of what is spoken to at all. */
export type ToleratedStanding = Exclude<PeerStanding, 'foreign'>;

/** Looks at the program that accepts a connection to a SOCKS address, as soon as it has. Never rejects. */
export type JudgePeer = (address: TorAddress, connection: Socket) => Promise<PeerStanding>;

/** Of what dns4tor has started itself, in a directory that is its own. */
export const judgeAsOurs: JudgePeer = async () => 'tor';

/**
 * The standing of whoever accepts a connection, for as long as it is open.
 *
 * @throws Dns4torError ERR_TOR_FOREIGN it is another user's program, which could lead anywhere
 * @throws Error the connection was closed meanwhile
 */
export async function judgeOpen(judge: JudgePeer, address: TorAddress, connection: Socket): Promise<ToleratedStanding> {
  const { promise: closed, reject } = Promise.withResolvers<never>();
  const onClose = (): void => reject(new Error('closed'));
  connection.on('close', onClose);
  try {
    const standing = await Promise.race([judge(address, connection), closed]);
    if (standing === 'foreign') throw new Dns4torError('ERR_TOR_FOREIGN', formatTorAddress(address));
    return standing;
  } finally {
    connection.off('close', onClose);
  }
}
