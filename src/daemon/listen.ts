import type { Config, UdpIo } from '../config/config.ts';
import { Dns4torError, toDns4torError } from '../failures/errors.ts';
import { formatHostPort } from '../lib/host-port.ts';
import type { Listener, ListenerComponents, ListenerInit } from '../listener/listener.ts';
import { TcpListener } from '../listener/tcp/tcp-listener.ts';
import { type LinuxSockets, loadLinuxSockets } from '../listener/udp/linux-sockets.ts';
import { UdpListener } from '../listener/udp/udp-listener.ts';
import type { Logger } from '../log/logger.ts';
import { withPortHolders } from '../system/sockets/busy-port.ts';
import type { FileSystem } from '../system/transaction/file-system.ts';
import { expandAddresses } from './expand-addresses.ts';
import type { HandedOver } from './handed-over.ts';

/** The listeners of a resolver. */
interface Listening {
  readonly listeners: readonly Listener[];
  /** The addresses and ports that they answer on, without duplicates. */
  readonly addresses: readonly ListenerInit[];
}

interface ListenOptions {
  readonly config: Config;
  readonly handedOver: HandedOver;
  readonly logger: Logger;
  /** The system's socket tables, which name the program that holds a port. */
  readonly fs: FileSystem;
}

/**
 * Opens UDP and TCP listeners on the configured addresses, or on the sockets passed to the process. If there are such,
 * no others are opened: the service may not be allowed to bind any.
 *
 * @param stack owns the listeners from here on
 * @throws Dns4torError ERR_LISTEN_*; none is open then
 */
export async function openListeners(
  components: ListenerComponents,
  { config, handedOver, logger, fs }: ListenOptions,
  stack: AsyncDisposableStack,
): Promise<Listening> {
  if (handedOver.dns.length > 0) {
    logger.log('info', 'sockets_handed_over', {});
    return adoptEverywhere(components, handedOver.dns, stack);
  }
  const expanded = expandAddresses(config.addresses);
  const listeners = await listenEverywhere(components, expanded, config.port, stack).catch(async (error: unknown) => {
    throw await withPortHolders(error, fs, expanded, config.port);
  });
  const port = listeners[0]?.port ?? config.port;
  return { listeners, addresses: config.addresses.map((address) => ({ address, port })) };
}

/** Maximum number of ports to try. The system picks a free UDP port, which another program may hold for TCP. */
const PORT_ATTEMPTS = 10;

/**
 * Opens UDP and TCP listeners on every address, all on one port.
 * @param port 0 takes one that is free for UDP and TCP on all addresses
 * @param stack owns the listeners from here on
 * @throws Dns4torError ERR_LISTEN_IN_USE, ERR_LISTEN_DENIED, ERR_LISTEN_ADDRESS, ERR_LISTEN; none is open then
 */
export async function listenEverywhere(
  components: ListenerComponents,
  addresses: readonly string[],
  port: number,
  stack: AsyncDisposableStack,
): Promise<Listener[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await listenTogether(components, addresses, port, stack);
    } catch (error) {
      const mayDiffer = port === 0 && error instanceof Dns4torError && error.code === 'ERR_LISTEN_IN_USE';
      if (!mayDiffer || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

async function listenTogether(
  components: ListenerComponents,
  addresses: readonly string[],
  port: number,
  stack: AsyncDisposableStack,
): Promise<Listener[]> {
  await using opened = new AsyncDisposableStack();
  const listeners: Listener[] = [];
  let boundPort = port;
  for (const address of addresses) {
    const udp = opened.use(await UdpListener.open(components, { address, port: boundPort }));
    boundPort = udp.port;
    const tcp = opened.use(await TcpListener.open(components, { address, port: boundPort }));
    listeners.push(udp, tcp);
  }
  stack.use(opened.move());
  return listeners;
}

/**
 * Takes over bound sockets: for each address one UDP and one TCP socket, because every resolver must support both
 * (RFC 7766 §5).
 *
 * The pairs also tell which UDP sockets are IPv6. Node must know that before it takes a UDP socket over, and cannot ask
 * the kernel; for TCP it can. Whether two sockets are a pair is checked once both are open.
 *
 * @param descriptors belong to the listeners from here on
 * @param stack owns the listeners from here on
 * @throws Dns4torError ERR_LISTEN_FD if one is no socket for DNS or lacks its partner; none is open then
 */
async function adoptEverywhere(
  components: ListenerComponents,
  descriptors: readonly number[],
  stack: AsyncDisposableStack,
): Promise<Listening> {
  await using opened = new AsyncDisposableStack();
  const tcpListeners: TcpListener[] = [];
  const others: number[] = [];
  for (const descriptor of descriptors) {
    const tcp = await TcpListener.adopt(components, descriptor);
    if (tcp === undefined) others.push(descriptor);
    else tcpListeners.push(opened.use(tcp));
  }
  const addresses = tcpListeners.map(({ address, port }) => ({ address, port }));
  const udpListeners: UdpListener[] = [];
  for (const [index, descriptor] of others.entries()) {
    const expected = addresses[index];
    const udp = opened.use(await UdpListener.adopt(components, descriptor, expected?.address));
    udpListeners.push(udp);
    requirePair(udp, expected);
  }
  const lonely = addresses[udpListeners.length];
  if (lonely !== undefined) throw missingPartner(lonely, 'UDP');
  stack.use(opened.move());
  return { listeners: [...udpListeners, ...tcpListeners], addresses };
}

function requirePair(udp: UdpListener, tcp: ListenerInit | undefined): void {
  if (udp.address !== tcp?.address || udp.port !== tcp.port) throw missingPartner(udp, 'TCP');
  // A wildcard socket answers from whichever address the kernel picks; RFC 2181 §4.1 requires the one that was queried.
  if (/^[0.:]+$/.test(udp.address)) {
    throw new Dns4torError('ERR_LISTEN_FD', `${describe(udp)} is a wildcard address; list each address instead`);
  }
}

const PAIRS = 'ListenDatagram= and ListenStream= must come in pairs of one address and port, in the same order';

function missingPartner(listener: ListenerInit, missing: 'UDP' | 'TCP'): Dns4torError {
  return new Dns4torError('ERR_LISTEN_FD', `${describe(listener)} has no ${missing} socket beside it; ${PAIRS}`);
}

function describe({ address, port }: ListenerInit): string {
  return formatHostPort(address, port);
}

/**
 * Loads batched UDP I/O (recvmmsg/sendmmsg) as `--udp-io` asks for it. Undefined: one system call per datagram.
 * @throws Dns4torError ERR_LISTEN_BATCH if `batch` is required and not available
 */
export async function openUdpIo(
  udpIo: UdpIo,
  logger: Logger,
  load: () => Promise<LinuxSockets> = loadLinuxSockets,
): Promise<LinuxSockets | undefined> {
  if (udpIo === 'dgram') return undefined;
  try {
    return await load();
  } catch (error) {
    if (udpIo === 'batch') throw error;
    logger.log('info', 'udp_one_by_one', { reason: toDns4torError(error).message });
    return undefined;
  }
}
