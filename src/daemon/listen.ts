import { networkInterfaces } from 'node:os';
import { Dns4torError } from '../failures/errors.ts';
import type { Listener, ListenerComponents } from '../listener/listener.ts';
import { TcpListener } from '../listener/tcp/tcp-listener.ts';
import { UdpListener } from '../listener/udp/udp-listener.ts';

const LOCALHOST = 'localhost';
const IPV4_LOOPBACK = '127.0.0.1';
const IPV6_LOOPBACK = '::1';
const ANY_IPV4 = '0.0.0.0';
const ANY_IPV6 = '::';

/**
 * The addresses to bind for those configured. `localhost` is 127.0.0.1 and, where this machine has it, ::1. `0.0.0.0` and `::` are all the
 * addresses that this machine has now: a socket bound to all of them would answer from whichever the kernel picks, where RFC 2181 §4.1
 * asks for the one that was asked.
 */
export function expandAddresses(addresses: readonly string[]): string[] {
  const ofMachine = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const localhost = ofMachine.some(({ address }) => address === IPV6_LOOPBACK)
    ? [IPV4_LOOPBACK, IPV6_LOOPBACK]
    : [IPV4_LOOPBACK];
  const ofFamily = (wanted: 'IPv4' | 'IPv6'): string[] =>
    ofMachine
      // A link-local address (RFC 4291 §2.5.6) means nothing without its interface's name.
      .filter(({ family, scopeid }) => family === wanted && !scopeid)
      .map(({ address }) => address);
  return [
    ...new Set(
      addresses.flatMap((address) => {
        if (address === LOCALHOST) return localhost;
        if (address === ANY_IPV4) return ofFamily('IPv4');
        return address === ANY_IPV6 ? ofFamily('IPv6') : [address];
      }),
    ),
  ];
}

/** How often a free port is looked for. Another program may hold for TCP what the system gave for UDP, which it chooses apart. */
const PORT_ATTEMPTS = 10;

/**
 * Opens UDP and TCP on every address, all on one port.
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
