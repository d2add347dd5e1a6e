import type { NetworkInterfaceInfo } from 'node:os';
import { isLinkLocal } from './ip-address.ts';

/** {@link import('node:os').networkInterfaces}: the interfaces that are up, by name. */
export type NetworkInterfaces = () => NodeJS.Dict<NetworkInterfaceInfo[]>;

/**
 * Reads the addresses from which this machine can reach other networks, each with its interface: neither loopback nor
 * link-local. Undefined if the kernel does not tell, for example for lack of a file descriptor.
 */
export function readNetworkAddresses(networkInterfaces: NetworkInterfaces): ReadonlySet<string> | undefined {
  try {
    const addresses = Object.entries(networkInterfaces()).flatMap(([name, list = []]) =>
      list
        .filter(({ address, internal }) => !internal && !isLinkLocal(address))
        .map(({ address }) => `${name} ${address}`),
    );
    return new Set(addresses);
  } catch {
    return undefined;
  }
}
