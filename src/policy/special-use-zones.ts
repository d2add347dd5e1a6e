/**
 * - `nxdomain`: no name in it exists, the zone's own included.
 * - `undelegated`: the same, for a top-level domain that no standard has answered locally. Its delegation can be asked about.
 * - `canary`: the same, for the name by which a browser learns that it must not go around the system's resolver.
 * - `empty`: the zone exists and has nothing in it (RFC 6303 §3), but for the loopback pointers.
 * - `nodata`: every name in it exists and has nothing.
 * - `loopback`: every name in it is this machine.
 */
export type ZoneKind = 'nxdomain' | 'undelegated' | 'canary' | 'empty' | 'nodata' | 'loopback';

/** 16 to 31: RFC 1918 §3, 172.16/12. */
const PRIVATE_172 = range(16, 31).map((octet) => `${octet}.172.in-addr.arpa`);

/** 64 to 127: RFC 7793 §2, 100.64/10. */
const SHARED_100 = range(64, 127).map((octet) => `${octet}.100.in-addr.arpa`);

const IP6_ZEROS = '0.'.repeat(31);

/** The zones that are answered on this machine and never asked for upstream, each with the document that says so. */
export const SPECIAL_USE_ZONES: Readonly<Record<ZoneKind, readonly string[]>> = {
  nxdomain: [
    'onion', // RFC 7686 §2
    'test', // RFC 6761 §6.2
    'invalid', // RFC 6761 §6.4
    'local', // RFC 6762 §22.1
  ],
  canary: ['use-application-dns.net'],
  // Names that local networks use. Asking about them would tell the resolver how a network is built. `host`, which routers use too, is
  // missing on purpose: it is delegated, and people have names there.
  undelegated: [
    'alt', // RFC 9476 §3.2: for other name systems; to DNS it is like any other TLD that is not in the root
    'internal', // ICANN resolution 2024.07.29.06: reserved for private use
    // RFC 6762 appendix G; never to be delegated: home and corp by ICANN resolution 2018.02.04.12
    'corp',
    'home',
    'intranet',
    'lan',
    'private',
    'mail', // ICANN resolution 2018.02.04.12
    // Defaults of routers and systems, which dnscrypt-proxy answers locally as well
    'domain',
    'localdomain',
    'workgroup',
  ],
  loopback: ['localhost'], // RFC 6761 §6.3
  nodata: ['resolver.arpa'], // RFC 9462 §6.1: not forwarded; no designated resolver is known here
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

/** Names of this machine's own loopback addresses, inside the empty zones (RFC 6303 §4.2, §4.3 leave them to the operator). */
export const LOOPBACK_POINTERS: readonly string[] = ['1.0.0.127.in-addr.arpa', `1.${IP6_ZEROS}ip6.arpa`];

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
