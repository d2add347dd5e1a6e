import { isIP, isIPv6 } from 'node:net';
import { isLoopback } from '../lib/ip-address.ts';

/** The group of all loopback clients, which are the programs of this machine. */
export const LOCAL_GROUP = 'local';

/** An IPv4 address as an IPv6 socket reports it (RFC 4291 §2.5.5.2). */
const IPV4_MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** Every link has this prefix, so it does not identify a network (RFC 4291 §2.5.6). */
const LINK_LOCAL = /^fe[89ab][0-9a-f]:/i;

/** Number of 16-bit groups in the network half of an IPv6 address (RFC 4291 §2.5.4). */
const NETWORK_GROUPS = 4;
const ADDRESS_GROUPS = 8;

/**
 * The client that an address counts as when capacity is shared among clients.
 *
 * - Each IPv4 address is one client.
 * - An IPv6 /64 is one client, because its user can take any address in it (RFC 4862, RFC 8981).
 * - Loopback is one client, because a program can bind any address of 127.0.0.0/8.
 *
 * @param address as Node formats it. Any other text is its own group.
 */
export function clientGroup(address: string): string {
  if (isIP(address) === 0) return address;
  const mapped = IPV4_MAPPED.exec(address)?.[1];
  if (mapped !== undefined) return clientGroup(mapped);
  if (isLoopback(address)) return LOCAL_GROUP;
  if (!isIPv6(address) || LINK_LOCAL.test(address)) return address;
  return `${networkOf(address)}::/64`;
}

/** The first four groups of an IPv6 address, each without leading zeros. */
function networkOf(address: string): string {
  const [head = '', tail] = address.split('::');
  const front = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const back = tail === '' ? [] : tail.split(':');
    // A dotted-decimal suffix counts as two groups (RFC 4291 §2.2).
    const dotted = back.at(-1)?.includes('.') === true ? 1 : 0;
    while (front.length + back.length + dotted < ADDRESS_GROUPS) front.push('0');
    front.push(...back);
  }
  return front
    .slice(0, NETWORK_GROUPS)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
