/**
 * How the names of a zone are answered.
 *
 * - `nxdomain`: no name exists, not even the apex.
 * - `undelegated`: like `nxdomain`, for a top-level domain for which no standard requires a local answer. Queries about
 *   its delegation are forwarded.
 * - `canary`: like `nxdomain`, for a browser's canary domain. Its absence keeps the browser on the system resolver.
 * - `empty`: only the apex exists (RFC 6303 §3), and the loopback pointers.
 * - `nodata`: every name exists without records.
 * - `loopback`: every name has the loopback addresses.
 */
export type ZoneKind = 'nxdomain' | 'undelegated' | 'canary' | 'empty' | 'nodata' | 'loopback';

/** Reverse zones of 172.16/12 (RFC 1918 §3). */
const PRIVATE_172 = range(16, 31).map((octet) => `${octet}.172.in-addr.arpa`);

/** Reverse zones of 100.64/10 (RFC 7793 §2). */
const SHARED_100 = range(64, 127).map((octet) => `${octet}.100.in-addr.arpa`);

const IP6_ZEROS = '0.'.repeat(31);

/** The zones that are answered locally, each with the document that requires or justifies it. */
export const SPECIAL_USE_ZONES: Readonly<Record<ZoneKind, readonly string[]>> = {
  nxdomain: [
    // Leak mutation: onion
    'onion', // RFC 7686 §2
    'test', // RFC 6761 §6.2
    'invalid', // RFC 6761 §6.4
    'local', // RFC 6762 §22.1
  ],
  canary: ['use-application-dns.net'],
  // Suffixes that local networks use. Forwarding such names would reveal the structure of the network. Without `host`:
  // routers use it too, but it is delegated and has public names.
  undelegated: [
    'alt', // RFC 9476 §3.2: reserved for non-DNS name systems; in DNS, like any TLD that does not exist
    'internal', // ICANN resolution 2024.07.29.06: reserved for private use
    // RFC 6762 appendix G. ICANN resolution 2018.02.04.12 bars home and corp from delegation.
    'corp',
    'home',
    'intranet',
    'lan',
    'private',
    'mail', // barred from delegation by ICANN resolution 2018.02.04.12
    // Default suffixes of routers and operating systems. dnscrypt-proxy answers them locally, too.
    'domain',
    'localdomain',
    'workgroup',
  ],
  loopback: ['localhost'], // RFC 6761 §6.3
  // RFC 9462 §6.1, §6.4: not forwarded. `_dns.resolver.arpa` may have SVCB records (designated-resolvers.ts).
  nodata: ['resolver.arpa'],
  empty: [
    'home.arpa', // RFC 8375 §4
    // RFC 6303 §4.1
    '10.in-addr.arpa',
    ...PRIVATE_172,
    '168.192.in-addr.arpa',
    // RFC 6303 §4.2
    '0.in-addr.arpa',
    '127.in-addr.arpa',
    '254.169.in-addr.arpa',
    '2.0.192.in-addr.arpa',
    '100.51.198.in-addr.arpa',
    '113.0.203.in-addr.arpa',
    '255.255.255.255.in-addr.arpa',
    ...SHARED_100,
    // RFC 6303 §4.3 to §4.6
    `0.${IP6_ZEROS}ip6.arpa`,
    `1.${IP6_ZEROS}ip6.arpa`,
    'd.f.ip6.arpa',
    '8.e.f.ip6.arpa',
    '9.e.f.ip6.arpa',
    'a.e.f.ip6.arpa',
    'b.e.f.ip6.arpa',
    '8.b.d.0.1.0.0.2.ip6.arpa',
  ],
};

/** Reverse names of the loopback addresses, in the empty zones. RFC 6303 §4.2, §4.3 leave them to the operator. */
export const LOOPBACK_POINTERS: readonly string[] = ['1.0.0.127.in-addr.arpa', `1.${IP6_ZEROS}ip6.arpa`];

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
