import { isIP } from 'node:net';
import { isLinkLocal, isLocalNetwork, isLoopback, ZONE } from '../lib/ip-address.ts';
import type { NetworkInterfaces } from '../lib/network-addresses.ts';
import { toHostName } from '../model/names/host-name.ts';
import { canonicalAddress, networkAddress } from './general-names.ts';

const LOCAL_NAMES = ['localhost', '127.0.0.1', '::1'];

/** The domain of multicast DNS (RFC 6762 §3), by which Apple's devices, among others, find a machine. */
const MDNS = '.local';

/** What a certificate cannot be for: addresses that mean any address. */
const UNSPECIFIED: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/**
 * Returns a host name or an address in the form of this folder. Undefined if a server's certificate cannot be for it:
 * wildcards, addresses with a zone, and names with underscores, which X.509 does not have (RFC 5280 §4.2.1.6).
 */
export function toServerName(text: string): string | undefined {
  if (isIP(text) !== 0) {
    const isUsable = !text.includes(ZONE) && !UNSPECIFIED.has(canonicalAddress(text));
    return isUsable ? canonicalAddress(text) : undefined;
  }
  const name = toHostName(text);
  return name === undefined || name.includes('_') ? undefined : name;
}

/**
 * The names of a machine: its private IPv4 addresses, host name, and those that mean the machine itself. Its IPv6
 * addresses are left out, because most of them change by themselves (RFC 8981).
 *
 * @param preferred addresses that come first, if a certificate can be for them
 */
export function machineNames(
  hostName: string,
  networkInterfaces: NetworkInterfaces,
  preferred: readonly string[] = [],
): readonly string[] {
  const host = toServerName(hostName);
  const hosts = host === undefined || host === 'localhost' ? [] : [host, ...(host.includes('.') ? [] : [host + MDNS])];
  const configured = preferred.flatMap((address) => toServerName(address) ?? []).filter((one) => !isLoopback(one));
  return [...new Set([...configured, ...privateAddresses(networkInterfaces), ...hosts, ...LOCAL_NAMES])];
}

/** The private IPv4 addresses of a machine, but for loopback. None if the kernel does not tell. */
export function privateAddresses(networkInterfaces: NetworkInterfaces): readonly string[] {
  try {
    return Object.values(networkInterfaces())
      .flatMap((list = []) => list)
      .filter(({ family, internal }) => family === 'IPv4' && !internal)
      .map(({ address }) => address)
      .filter((address) => isLocalNetwork(address) && !isLoopback(address) && !isLinkLocal(address));
  } catch {
    return [];
  }
}

/** The networks of a machine, other than loopback, that some of its addresses are in, in CIDR notation. */
export function networksOf(addresses: readonly string[], networkInterfaces: NetworkInterfaces): readonly string[] {
  const networks = Object.values(networkInterfaces())
    .flatMap((list = []) => list)
    .filter(({ address, internal }) => !internal && addresses.includes(address))
    .map(({ address, netmask, cidr }) => `${networkAddress(address, netmask)}/${cidr?.split('/')[1] ?? ''}`);
  return [...new Set(networks)];
}

/** Whether only programs of this machine can reach the name. */
export function isOwnMachine(name: string): boolean {
  return name.endsWith('.localhost') || (isIP(name) === 0 ? name === 'localhost' : isLoopback(name));
}
