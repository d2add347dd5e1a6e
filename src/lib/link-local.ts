import { BlockList, isIPv6 } from 'node:net';

const LINK_LOCAL = new BlockList();
LINK_LOCAL.addSubnet('fe80::', 10, 'ipv6');

/** Between an address and the network interface without which it means nothing (RFC 4007 §11). */
export const ZONE = '%';

/** Whether a link-local IPv6 address (RFC 4291 §2.5.6), which each network interface has anew, comes without its interface. */
export function lacksZone(address: string): boolean {
  return isIPv6(address) && !address.includes(ZONE) && LINK_LOCAL.check(address, 'ipv6');
}
