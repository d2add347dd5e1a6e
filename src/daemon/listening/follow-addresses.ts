import { toDns4torError } from '../../failures/errors.ts';
import type { Clock } from '../../lib/clock.ts';
import type { NetworkInterfaces } from '../../lib/network-addresses.ts';
import type { Logger } from '../../log/logger.ts';
import { withPortHolders } from '../../system/sockets/busy-port.ts';
import type { FileSystem } from '../../system/transaction/file-system.ts';
import { expandAddresses } from '../expand-addresses.ts';
import { AddressFollower, type AddressSockets } from './address-follower.ts';

interface FollowComponents {
  readonly clock: Clock;
  readonly logger: Logger;
  /** The system's socket tables, which name the program that holds a port. */
  readonly fs: FileSystem;
  readonly networkInterfaces: NetworkInterfaces;
}

interface FollowInit {
  /** As configured; see `findWantedAddresses`. */
  readonly addresses: readonly string[];
  /** 0 means any free port. */
  readonly port: number;
  /** Binds an address. @throws Dns4torError ERR_LISTEN_*; nothing is open then */
  readonly open: (address: string, port: number) => Promise<AddressSockets>;
  /** The name of a listener in the log. */
  readonly urlOf: (address: string, port: number) => string;
  /** Logged for each address that is answered on. */
  readonly openedEvent: 'listening' | 'listening_encrypted';
}

/**
 * Listens on the configured addresses as the machine gains and loses them, and logs where.
 * @throws Dns4torError ERR_LISTEN_*, with the programs that hold the port; none is open then
 */
export async function followAddresses(
  { clock, logger, fs, networkInterfaces }: FollowComponents,
  { addresses, port, open, urlOf, openedEvent }: FollowInit,
): Promise<AddressFollower> {
  const events = {
    onOpened: (address: string, bound: number) => logger.log('info', openedEvent, { address: urlOf(address, bound) }),
    onClosed: (address: string, bound: number) =>
      logger.log('info', 'listening_ended', { address: urlOf(address, bound) }),
    async onFailed(address: string, bound: number, failure: unknown) {
      const { message, code } = toDns4torError(await withPortHolders(failure, fs, [address], bound));
      logger.log('warn', 'listen_failed', { address: urlOf(address, bound), reason: message, code });
    },
    onNothing: (wanted: readonly string[], bound: number) =>
      logger.log('warn', 'listen_waiting', { address: wanted.map((each) => urlOf(each, bound)).join(',') }),
  };
  try {
    return await AddressFollower.start({ clock, networkInterfaces, open, events }, { addresses, port });
  } catch (error) {
    throw await withPortHolders(error, fs, expandAddresses(addresses, networkInterfaces), port);
  }
}
