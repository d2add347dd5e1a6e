import type { Config } from '../../config/config.ts';
import type { Clock } from '../../lib/clock.ts';
import type { NetworkInterfaces } from '../../lib/network-addresses.ts';
import type { ListenerInit } from '../../listener/listener.ts';
import type { LinuxSockets } from '../../listener/udp/linux-sockets.ts';
import type { Logger } from '../../log/logger.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { Handler } from '../../model/query.ts';
import type { FileSystem } from '../../system/transaction/file-system.ts';
import type { HandedOver } from '../handed-over.ts';
import { refuseLoops } from '../local/local-routes.ts';
import type { LiveSettings } from '../reload/live-settings.ts';
import type { Designation } from './designation.ts';
import { type EncryptedListening, openEncryptedListeners } from './encrypted.ts';
import { dnsUrl, type Listening, openListeners } from './listen.ts';

interface TakeQueriesOptions {
  readonly config: Config;
  readonly live: Pick<LiveSettings, 'isAllowed'>;
  /** Receives the configured addresses, or those of the sockets passed to the process. */
  readonly served: ListenerInit[];
  readonly designation: Designation;
  readonly clock: Clock;
  readonly counters: Metrics;
  readonly handedOver: HandedOver;
  readonly logger: Logger;
  readonly fs: FileSystem;
  readonly networkInterfaces: NetworkInterfaces;
  /** Batched UDP I/O. Undefined without koffi, or if it is not wanted. */
  readonly sockets: LinuxSockets | undefined;
}

/**
 * Opens the listeners. At a shutdown they answer what is in flight before they close.
 *
 * @returns the listeners, and the label `server`: the configured addresses, or those of the sockets passed to the
 * process, as dns:// URLs. It does not change when a wildcard follows the machine to other addresses.
 * @throws Dns4torError ERR_LISTEN_*, ERR_ROUTE_LOOP
 */
export async function takeQueries(
  options: TakeQueriesOptions,
  handler: Handler,
  stack: AsyncDisposableStack,
): Promise<{ listening: Listening; encrypted: EncryptedListening; server: string }> {
  const { config, live, served, designation, clock, counters, handedOver, sockets } = options;
  const components = {
    handler,
    clock,
    metrics: counters,
    isAllowed: (client: string) => live.isAllowed(client),
    limits: config.limits,
    ...(sockets === undefined ? {} : { sockets }),
  };
  const listening = await openListeners(components, options, stack);
  const encrypted = await openEncryptedListeners(components, options, stack);
  designation.served = encrypted;
  stack.defer(async () => {
    await Promise.all([listening.drain(), encrypted.drain()]);
  });
  const port = listening.addresses[0]?.port ?? config.port;
  served.push(
    ...(handedOver.dns.length > 0 ? listening.addresses : config.addresses.map((address) => ({ address, port }))),
  );
  refuseLoops(config.routes, served);
  return {
    listening,
    encrypted,
    server: served.map(({ address, port: servedPort }) => dnsUrl(address, servedPort)).join(','),
  };
}
