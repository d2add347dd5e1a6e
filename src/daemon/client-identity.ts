import type { Logger } from '../log/logger.ts';
import { isLoopback } from '../lib/loopback.ts';
import type { Query } from '../model/query.ts';
import { SocketOwners } from '../system/sockets/socket-owner.ts';

type ClientOf = (query: Query) => Promise<string>;

/**
 * Who is one client where clients are kept apart (`--isolate client`): a user of this machine, whichever loopback address asks; elsewhere,
 * and where the user cannot be found out, an address.
 */
export function createClientOf(owners: Pick<SocketOwners, 'find'>): ClientOf {
  return async ({ transport, client, clientPort }) => {
    if (!isLoopback(client)) return client;
    const user = await owners.find(transport, client, clientPort);
    return user === undefined ? client : `user ${user}`;
  };
}

/**
 * The same for this machine; says so where its users cannot be found out, since somebody may rely on it.
 * @param descriptor of a socket for clients, where such were handed over
 */
export async function openClientIdentity(logger: Logger, descriptor: number | undefined): Promise<ClientOf> {
  const owners = new SocketOwners();
  if (!(await owners.available(descriptor))) {
    logger.log('warn', 'users_unknown', {});
  }
  return createClientOf(owners);
}
