import { BlockList, isIPv6 } from 'node:net';

const LINK_LOCAL = new BlockList();
LINK_LOCAL.addSubnet('fe80::', 10, 'ipv6');

/** Separates an address from its network interface (RFC 4007 §11). */
export const ZONE = '%';

/**
 * Whether an IPv6 address is link-local (RFC 4291 §2.5.6) and names no network interface. It is ambiguous then: every
 * interface has the same prefix.
 */
export function lacksZone(address: string): boolean {
  return isIPv6(address) && !address.includes(ZONE) && LINK_LOCAL.check(address, 'ipv6');
}
