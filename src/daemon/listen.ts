import { networkInterfaces } from 'node:os';
import { Dns4torError } from '../lib/errors.ts';
import type { Listener, ListenerComponents } from '../listener/listener.ts';
import { TcpListener } from '../listener/tcp.ts';
import { UdpListener } from '../listener/udp.ts';

const LOCALHOST = 'localhost';
const IPV6_LOOPBACK = '::1';

/** The addresses to bind for those configured. `localhost` is 127.0.0.1 and, where this machine has it, ::1. */
export function expandAddresses(addresses: readonly string[]): string[] {
  const hasIPv6 = Object.values(networkInterfaces()).some((list) =>
    list?.some(({ address }) => address === IPV6_LOOPBACK),
  );
  const localhost = hasIPv6 ? ['127.0.0.1', IPV6_LOOPBACK] : ['127.0.0.1'];
  return [...new Set(addresses.flatMap((address) => (address === LOCALHOST ? localhost : [address])))];
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
