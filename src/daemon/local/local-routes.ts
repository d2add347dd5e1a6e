import { isIPv6, SocketAddress } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Config } from '../../config/config.ts';
import { Dns4torError } from '../../failures/errors.ts';
import type { Clock } from '../../lib/clock.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import { isLoopback } from '../../lib/ip-address.ts';
import type { Random } from '../../lib/random.ts';
import type { ListenerInit } from '../../listener/listener.ts';
import type { Logger } from '../../log/logger.ts';
import type { Route } from '../../model/route.ts';
import type { LocalServerEvents } from '../../upstream/routes/local-server.ts';
import { RouteTable } from '../../upstream/routes/route-table.ts';
import { RoutedUpstream } from '../../upstream/routes/routed-upstream.ts';
import type { Upstream } from '../../upstream/upstream.ts';

interface RoutesComponents {
  readonly config: Pick<Config, 'routes'>;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

/** Puts the routes in front of everything that goes through Tor. */
export function createRoutedUpstream(
  { config, logger, clock, random }: RoutesComponents,
  tor: Upstream,
): RoutedUpstream {
  for (const { suffix: route, servers } of config.routes) {
    const addresses = servers.map(({ host, port }) => formatHostPort(host, port));
    logger.log('info', 'route_added', { route, servers: addresses.join(', ') });
  }
  return new RoutedUpstream(
    { clock, random, createEvents: (route) => routeEvents(logger, route), tor },
    new RouteTable(config.routes),
  );
}

/** Logs the health of a route's servers. */
function routeEvents(logger: Logger, route: string): LocalServerEvents {
  return {
    failing: (_, error) => logger.log('warn', 'route_failing', { route, reason: error.message, code: error.code }),
    recovered: (servers) => logger.log('info', 'route_recovered', { route, servers }),
  };
}

/**
 * Refuses routes that lead back to dns4tor: their queries would go round until they time out.
 *
 * @param listening the addresses and ports that queries are answered on
 * @throws Dns4torError ERR_ROUTE_LOOP
 */
export function refuseLoops(routes: readonly Route[], listening: readonly ListenerInit[]): void {
  for (const { suffix, servers } of routes) {
    for (const { host, port } of servers) {
      if (!listening.some((own) => own.port === port && receives(own.address, host))) continue;
      throw new Dns4torError('ERR_ROUTE_LOOP', `--route ${suffix}=${formatHostPort(host, port)}`);
    }
  }
}

/** Whether a socket bound to `address` receives what is sent to `host`. */
function receives(address: string, host: string): boolean {
  const sent = canonical(host);
  if (address === 'localhost') return sent === '127.0.0.1' || sent === '::1';
  const bound = canonical(address);
  if (bound === sent) return true;
  const isWildcard = bound === '::' || (bound === '0.0.0.0' && !isIPv6(host));
  return isWildcard && (isLoopback(host) || ownAddresses().includes(sent));
}

function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((all = []) => all.map(({ address }) => address));
}

/** One spelling for each IPv6 address. Without its zone, because two zones of one machine have different addresses. */
function canonical(address: string): string {
  const [plain = ''] = address.split('%');
  return isIPv6(plain) ? new SocketAddress({ address: plain, family: 'ipv6' }).address : plain;
}
