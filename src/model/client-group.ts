import { isIP, isIPv6 } from 'node:net';
import { isLoopback } from '../lib/loopback.ts';

/** The group of all loopback clients: the programs of this machine, whichever address of 127.0.0.0/8 they bind. */
export const LOCAL_GROUP = 'local';

/** RFC 4291 §2.5.5.2: how an IPv6 socket reports an IPv4 address. */
const IPV4_MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** RFC 4291 §2.5.6. Every link has this prefix, so it does not identify a network. */
const LINK_LOCAL = /^fe[89ab][0-9a-f]:/i;

/** Number of 16-bit groups in the network half of an IPv6 address (RFC 4291 §2.5.4). */
const NETWORK_GROUPS = 4;
const ADDRESS_GROUPS = 8;

/**
 * The client that an address belongs to, wherever places are shared out among clients. Each IPv4 address is a client.
 * An IPv6 client can use any address of its /64 (RFC 4862, RFC 8981), so a /64 is one client. Loopback addresses cost
 * nothing, so all of them are one client: this machine.
 * @param address as Node writes it; anything else is a group of its own
 */
export function clientGroup(address: string): string {
  if (isIP(address) === 0) return address;
  const mapped = IPV4_MAPPED.exec(address)?.[1];
  if (mapped !== undefined) return clientGroup(mapped);
  if (isLoopback(address)) return LOCAL_GROUP;
  if (!isIPv6(address) || LINK_LOCAL.test(address)) return address;
  return `${networkOf(address)}::/64`;
}

/** The first four groups, each without leading zeros. */
function networkOf(address: string): string {
  const [head = '', tail] = address.split('::');
  const front = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const back = tail === '' ? [] : tail.split(':');
    // A dotted-decimal ending stands for two groups (RFC 4291 §2.2).
    const dotted = back.at(-1)?.includes('.') === true ? 1 : 0;
    while (front.length + back.length + dotted < ADDRESS_GROUPS) front.push('0');
    front.push(...back);
  }
  return front
    .slice(0, NETWORK_GROUPS)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
