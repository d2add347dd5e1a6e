import { BlockList, isIPv4, isIPv6 } from 'node:net';

const LOCALHOST = 'localhost';

/** Loopback addresses (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3). */
const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Addresses that an interface assigns to itself; they are valid on one link only (RFC 3927 §2.1, RFC 4291 §2.5.6). */
const LINK_LOCAL = new BlockList();
LINK_LOCAL.addSubnet('169.254.0.0', 16, 'ipv4');
LINK_LOCAL.addSubnet('fe80::', 10, 'ipv6');

/** Addresses that no router of the Internet forwards: private use, shared by a provider (CGNAT), and unique local. */
const PRIVATE = new BlockList();
PRIVATE.addSubnet('10.0.0.0', 8, 'ipv4'); // RFC 1918
PRIVATE.addSubnet('172.16.0.0', 12, 'ipv4');
PRIVATE.addSubnet('192.168.0.0', 16, 'ipv4');
PRIVATE.addSubnet('100.64.0.0', 10, 'ipv4'); // RFC 6598
PRIVATE.addSubnet('fc00::', 7, 'ipv6'); // RFC 4193

/** Separates an address from its network interface (RFC 4007 §11). */
export const ZONE = '%';

/** Whether only this machine can reach the address. Accepts `localhost`. */
export function isLoopback(address: string): boolean {
  return address === LOCALHOST || LOOPBACK.check(address, familyOf(address));
}

/** Whether the address, which has no zone, is link-local. */
export function isLinkLocal(address: string): boolean {
  return LINK_LOCAL.check(address, familyOf(address));
}

/** Whether the address stays within this machine or the networks it is part of. Ignores a zone. */
export function isLocalNetwork(address: string): boolean {
  const [plain = ''] = address.split(ZONE);
  return isLoopback(plain) || isLinkLocal(plain) || PRIVATE.check(plain, familyOf(plain));
}

/**
 * Whether a link-local IPv6 address lacks its zone, the network interface. It is ambiguous then: every interface has
 * the same prefix.
 */
export function lacksZone(address: string): boolean {
  return isIPv6(address) && !address.includes(ZONE) && isLinkLocal(address);
}

const IPV6_OCTETS = 16;

/**
 * The octets of an IP address: 4 or 16 (RFC 4291 §2.2).
 * @param address valid, without a zone
 */
export function addressOctets(address: string): readonly number[] {
  if (isIPv4(address)) return address.split('.').map(Number);
  const [head = '', tail] = address.split('::');
  const before = groupOctets(head);
  if (tail === undefined) return before;
  const after = groupOctets(tail);
  return [...before, ...Array.from({ length: IPV6_OCTETS - before.length - after.length }, () => 0), ...after];
}

function groupOctets(text: string): readonly number[] {
  return text.split(':').flatMap((group) => {
    if (group === '') return [];
    if (isIPv4(group)) return addressOctets(group);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4';
}
