import { networkInterfaces } from 'node:os';

const LOCALHOST = 'localhost';
const IPV4_LOOPBACK = '127.0.0.1';
const IPV6_LOOPBACK = '::1';
const ANY_IPV4 = '0.0.0.0';
const ANY_IPV6 = '::';

/**
 * Returns the addresses to bind for the configured ones. `localhost` is 127.0.0.1 and, if this machine has it, ::1.
 * `0.0.0.0` and `::` are all addresses that this machine has now. A socket bound to all of them would answer from
 * whichever address the kernel picks, but RFC 2181 §4.1 requires the one that was queried.
 */
export function expandAddresses(addresses: readonly string[]): string[] {
  const ofMachine = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const localhost = ofMachine.some(({ address }) => address === IPV6_LOOPBACK)
    ? [IPV4_LOOPBACK, IPV6_LOOPBACK]
    : [IPV4_LOOPBACK];
  const ofFamily = (wanted: 'IPv4' | 'IPv6'): string[] =>
    ofMachine
      // A link-local address is useless without the name of its interface (RFC 4291 §2.5.6).
      .filter(({ family, scopeid }) => family === wanted && !scopeid)
      .map(({ address }) => address);
  return [
    ...new Set(
      addresses.flatMap((address) => {
        if (address === LOCALHOST) return localhost;
        if (address === ANY_IPV4) return ofFamily('IPv4');
        return address === ANY_IPV6 ? ofFamily('IPv6') : [address];
      }),
    ),
  ];
}
