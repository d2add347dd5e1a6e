import { isLoopback } from '../lib/ip-address.ts';
import type { Logger } from '../log/logger.ts';
import type { Query } from '../model/query.ts';
import { SocketOwners } from '../system/sockets/socket-owner.ts';

type ClientOf = (query: Query) => Promise<string>;

/**
 * Identifies clients for stream isolation (`--isolate client`): by user for queries from a loopback address, and by
 * address for all others, or if the user is not known.
 */
export function createClientOf(owners: Pick<SocketOwners, 'find'>): ClientOf {
  return async ({ transport, client, clientPort }) => {
    if (!isLoopback(client)) return client;
    const user = await owners.find(transport === 'udp' ? 'udp' : 'tcp', client, clientPort);
    return user === undefined ? client : `user ${user}`;
  };
}

/**
 * Returns {@link createClientOf} for this machine. Warns if the users of local sockets cannot be read: their isolation
 * is then lost.
 * @param descriptor a socket for clients, if any were passed to the process
 */
export async function openClientIdentity(logger: Logger, descriptor: number | undefined): Promise<ClientOf> {
  const owners = new SocketOwners();
  if (!(await owners.available(descriptor))) {
    logger.log('warn', 'users_unknown', {});
  }
  return createClientOf(owners);
}
