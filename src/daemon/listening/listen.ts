import type { Config, UdpIo } from '../../config/config.ts';
import { Dns4torError, toDns4torError } from '../../failures/errors.ts';
import { type Clock, delay } from '../../lib/clock.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import type { NetworkInterfaces } from '../../lib/network-addresses.ts';
import type { Listener, ListenerComponents, ListenerInit } from '../../listener/listener.ts';
import { TcpListener } from '../../listener/tcp/tcp-listener.ts';
import { type LinuxSockets, loadLinuxSockets } from '../../listener/udp/linux-sockets.ts';
import { UdpListener } from '../../listener/udp/udp-listener.ts';
import type { Logger } from '../../log/logger.ts';
import type { FileSystem } from '../../system/transaction/file-system.ts';
import type { HandedOver } from '../handed-over.ts';
import type { AddressSockets } from './address-follower.ts';
import { followAddresses } from './follow-addresses.ts';

/** Time limit for answering the queries in flight when a listener closes. */
const DRAIN_MS = 5000;

/** The listeners of a resolver. */
export interface Listening {
  /** The addresses and ports that are answered on now, without duplicates. */
  readonly addresses: readonly ListenerInit[];
  /** Accepts no further query. Resolves once those in flight are answered, or after five seconds. */
  drain(): Promise<void>;
}

interface ListenOptions {
  readonly config: Pick<Config, 'addresses' | 'port'>;
  readonly handedOver: HandedOver;
  readonly logger: Logger;
  /** The system's socket tables, which name the program that holds a port. */
  readonly fs: FileSystem;
  readonly networkInterfaces: NetworkInterfaces;
}

/**
 * Opens UDP and TCP listeners on the configured addresses, or on the sockets passed to the process, and logs where. If
 * there are such sockets, no others are opened: the service may not be allowed to bind any.
 *
 * @param stack owns the listeners from here on
 * @throws Dns4torError ERR_LISTEN_*; none is open then
 */
export async function openListeners(
  components: ListenerComponents,
  { config, handedOver, logger, networkInterfaces, fs }: ListenOptions,
  stack: AsyncDisposableStack,
): Promise<Listening> {
  if (handedOver.dns.length > 0) {
    logger.log('info', 'sockets_handed_over', {});
    const listening = await adoptEverywhere(components, handedOver.dns, stack);
    for (const { address, port } of listening.addresses) {
      logger.log('info', 'listening', { address: dnsUrl(address, port) });
    }
    return listening;
  }
  const follower = await followAddresses(
    { clock: components.clock, logger, fs, networkInterfaces },
    {
      addresses: config.addresses,
      port: config.port,
      open: (address, port) => openPair(components, address, port),
      urlOf: dnsUrl,
      openedEvent: 'listening',
    },
  );
  return stack.use(follower);
}

/** The name of a listener in the log and in the label `server`. */
export function dnsUrl(address: string, port: number): string {
  return `dns://${formatHostPort(address, port)}`;
}

/**
 * Opens the UDP and the TCP listener of one address.
 * @throws Dns4torError ERR_LISTEN_IN_USE, ERR_LISTEN_DENIED, ERR_LISTEN_ADDRESS, ERR_LISTEN; none is open then
 */
async function openPair(components: ListenerComponents, address: string, port: number): Promise<AddressSockets> {
  await using opened = new AsyncDisposableStack();
  const udp = opened.use(await UdpListener.open(components, { address, port }));
  const tcp = opened.use(await TcpListener.open(components, { address, port: udp.port }));
  const owned = opened.move();
  return {
    port: udp.port,
    drain: () => drain([udp, tcp], components.clock),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Something that can stop accepting queries and answer those in flight. */
export type Drainable = Pick<Listener, 'drain'>;

/** Drains listeners. Resolves once the queries in flight are answered, or after five seconds. */
export async function drain(listeners: readonly Drainable[], clock: Clock): Promise<void> {
  const answered = new AbortController();
  const allAnswered = Promise.all(listeners.map((listener) => listener.drain())).then(() => answered.abort());
  await Promise.race([allAnswered, delay(clock, DRAIN_MS, answered.signal)]);
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
  return { addresses, drain: () => drain([...udpListeners, ...tcpListeners], components.clock) };
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
