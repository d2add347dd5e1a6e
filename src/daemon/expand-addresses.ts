import { networkInterfaces } from 'node:os';
import type { NetworkInterfaces } from '../lib/network-addresses.ts';

const LOCALHOST = 'localhost';
const IPV4_LOOPBACK = '127.0.0.1';
const IPV6_LOOPBACK = '::1';
const ANY_IPV4 = '0.0.0.0';
const ANY_IPV6 = '::';

/** An address to bind. */
export interface WantedAddress {
  readonly address: string;
  /**
   * Whether it is wanted whatever addresses the machine has: the configuration names it, or it is the 127.0.0.1 of
   * `localhost`. Otherwise it is one of those that `0.0.0.0`, `::` or `localhost` stand for at this moment.
   */
  readonly isFixed: boolean;
  /** Whether it is an error if another program holds the port there at the start: not for those of a wildcard. */
  readonly isRequired: boolean;
}

/** Whether the addresses to bind depend on those that the machine has. */
export function dependOnMachine(addresses: readonly string[]): boolean {
  return addresses.includes(LOCALHOST) || hasWildcard(addresses);
}

/** Whether an address stands for all addresses of the machine. */
export function hasWildcard(addresses: readonly string[]): boolean {
  return addresses.includes(ANY_IPV4) || addresses.includes(ANY_IPV6);
}

/**
 * Returns the addresses to bind for the configured ones, each once. `localhost` is 127.0.0.1 and, if this machine has
 * it, ::1. `0.0.0.0` and `::` are all addresses that this machine has now. A socket bound to all of them would answer
 * from whichever address the kernel picks, but RFC 2181 §4.1 requires the one that was queried.
 *
 * @param readInterfaces called only if the addresses depend on it. Its error passes through.
 */
export function findWantedAddresses(
  addresses: readonly string[],
  readInterfaces: NetworkInterfaces = networkInterfaces,
): WantedAddress[] {
  const interfaces = dependOnMachine(addresses) ? readInterfaces() : {};
  const ofMachine = Object.values(interfaces).flatMap((list) => list ?? []);
  const fix = (address: string): WantedAddress => ({ address, isFixed: true, isRequired: true });
  const localhost = ofMachine.some(({ address }) => address === IPV6_LOOPBACK)
    ? [fix(IPV4_LOOPBACK), { address: IPV6_LOOPBACK, isFixed: false, isRequired: true }]
    : [fix(IPV4_LOOPBACK)];
  const ofFamily = (wanted: 'IPv4' | 'IPv6'): WantedAddress[] =>
    ofMachine
      // A link-local address is useless without the name of its interface (RFC 4291 §2.5.6).
      .filter(({ family, scopeid }) => family === wanted && !scopeid)
      .map(({ address }) => ({ address, isFixed: false, isRequired: false }));
  const found = new Map<string, WantedAddress>();
  for (const configured of addresses) {
    for (const wanted of expand(configured)) {
      const { address, isFixed, isRequired } = wanted;
      const known = found.get(address);
      found.set(address, {
        address,
        isFixed: isFixed || (known?.isFixed ?? false),
        isRequired: isRequired || (known?.isRequired ?? false),
      });
    }
  }
  return [...found.values()];

  function expand(configured: string): readonly WantedAddress[] {
    if (configured === LOCALHOST) return localhost;
    if (configured === ANY_IPV4) return ofFamily('IPv4');
    return configured === ANY_IPV6 ? ofFamily('IPv6') : [fix(configured)];
  }
}

/** The addresses of {@link findWantedAddresses} alone. */
export function expandAddresses(addresses: readonly string[], readInterfaces?: NetworkInterfaces): string[] {
  return findWantedAddresses(addresses, readInterfaces).map(({ address }) => address);
}
