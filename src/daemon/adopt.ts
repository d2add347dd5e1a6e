import { Dns4torError } from '../failures/errors.ts';
import { formatHostPort } from '../lib/host-port.ts';
import type { Listener, ListenerComponents, ListenerInit } from '../listener/listener.ts';
import { TcpListener } from '../listener/tcp/tcp-listener.ts';
import { UdpListener } from '../listener/udp/udp-listener.ts';

/** The listeners of a resolver. */
export interface Listening {
  readonly listeners: readonly Listener[];
  /** What they answer on, each once. */
  readonly addresses: readonly ListenerInit[];
}

const PAIRS = 'ListenDatagram= and ListenStream= must come in pairs of one address and port, in the same order';

/**
 * Takes queries on sockets that are bound already: for each address one for UDP and one for TCP, which every resolver speaks (RFC 7766 §5).
 *
 * The pairs also say which UDP sockets are for IPv6. Node must be told that before it takes one over, and cannot ask the kernel; of TCP
 * sockets it can. A pair that is none shows when both are open.
 *
 * @param descriptors belong to the listeners from here on
 * @param stack owns the listeners from here on
 * @throws Dns4torError ERR_LISTEN_FD one is no socket for DNS, or none of a pair; none is open then
 */
export async function adoptEverywhere(
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
  if (lonely !== undefined) throw noPair(lonely, 'UDP');
  stack.use(opened.move());
  return { listeners: [...udpListeners, ...tcpListeners], addresses };
}

function requirePair(udp: UdpListener, tcp: ListenerInit | undefined): void {
  if (tcp === undefined) throw noPair(udp, 'TCP');
  if (udp.address !== tcp.address || udp.port !== tcp.port) throw noPair(udp, 'TCP');
  // From such a socket an answer leaves by whichever address the kernel picks, where RFC 2181 §4.1 asks for the one that was asked.
  if (/^[0.:]+$/.test(udp.address)) {
    throw new Dns4torError('ERR_LISTEN_FD', `${describe(udp)} stands for all addresses; name each`);
  }
}

function noPair(listener: ListenerInit, missing: 'UDP' | 'TCP'): Dns4torError {
  return new Dns4torError('ERR_LISTEN_FD', `${describe(listener)} has no ${missing} beside it; ${PAIRS}`);
}

function describe({ address, port }: ListenerInit): string {
  return formatHostPort(address, port);
}
