import { BlockList, isIPv6 } from 'node:net';

const LOCALHOST = 'localhost';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Whether only this machine can reach the address (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3); `localhost` counts as one. */
export function isLoopback(address: string): boolean {
  return address === LOCALHOST || LOOPBACK.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}
