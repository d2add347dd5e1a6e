import type { Random } from '../../src/lib/random.ts';
import { drawNormal, drawWeighted, zipfRanks } from '../onion/draws.ts';

/** A name and its records. */
export interface Host {
  readonly name: string;
  /** TTL of its records, and of the SOA record in negative answers. */
  readonly ttlSeconds: number;
  readonly exists: boolean;
  readonly hasIpv6: boolean;
  readonly hasHttpsRecord: boolean;
}

/** The part of the web that one household visits. */
export interface Web {
  /** By site, the most popular first: the hosts that its pages load from, the site's own name first. */
  readonly sites: readonly (readonly Host[])[];
  /** Hosts that appliances report to. */
  readonly services: readonly Host[];
}

/**
 * TTLs in seconds, with their shares. Half are at most one minute, three quarters at most five, and few above an hour.
 * Source: Denis, "Stop using ridiculously low DNS TTLs" (2019), from the answers of a public server.
 */
const TTLS: readonly (readonly [ttlSeconds: number, share: number])[] = [
  [20, 0.15],
  [60, 0.35],
  [300, 0.25],
  [3600, 0.22],
  [86_400, 0.03],
];

const SITES = 3000;
const SHARED_HOSTS = 600;
const SERVICES = 100;

/**
 * Zipf exponent of the hosts that many sites share. Jung et al. found 0.88 to 0.94 for names in three traces ("DNS
 * Performance and the Effectiveness of Caching", 2002).
 */
export const ZIPF_EXPONENT = 0.91;

/** Names per page: log-normal with median 10 and mean 12.2, as in the top million sites (Karlstad University, 2016). */
const MEDIAN_HOSTS = 10;
const HOSTS_LOG_DEVIATION = 0.63;
const MAX_HOSTS = 60;

/** Share of hosts that belong to one site only, besides the site's own name. */
const OWN_SHARE = 0.3;

/**
 * Share of hosts that do not exist, such as abandoned trackers. With mistyped names, about 9 % of queries get NXDOMAIN.
 * Source: Brandhorst and Pras, "DNS: a statistical analysis of name server traffic", residential networks.
 */
const GONE_SHARE = 0.1;

/** Assumed. Other hosts get NODATA, which is cached too. */
const IPV6_SHARE = 0.5;
const HTTPS_RECORD_SHARE = 0.3;

export function createWeb(random: Random): Web {
  const createHost = (name: string, goneShare: number): Host => ({
    name,
    ttlSeconds: drawWeighted(random, TTLS),
    exists: random.fraction() >= goneShare,
    hasIpv6: random.fraction() < IPV6_SHARE,
    hasHttpsRecord: random.fraction() < HTTPS_RECORD_SHARE,
  });
  const shared = Array.from({ length: SHARED_HOSTS }, (_, i) => createHost(`shared${i}.example.net`, GONE_SHARE));
  const sharedRank = zipfRanks(SHARED_HOSTS, ZIPF_EXPONENT);

  const createSite = (_: unknown, index: number): Host[] => {
    const domain = `site${index}.example.com`;
    const deviate = drawNormal(random);
    const count = Math.min(MAX_HOSTS, Math.round(MEDIAN_HOSTS * Math.exp(HOSTS_LOG_DEVIATION * deviate)));
    const hosts = new Set([createHost(`www.${domain}`, 0)]);
    while (hosts.size < count) {
      const isOwn = random.fraction() < OWN_SHARE;
      hosts.add(
        isOwn ? createHost(`host${hosts.size}.${domain}`, GONE_SHARE) : (shared[sharedRank(random.fraction())] as Host),
      );
    }
    return [...hosts];
  };
  return {
    sites: Array.from({ length: SITES }, createSite),
    services: Array.from({ length: SERVICES }, (_, i) => createHost(`service${i}.example.org`, 0)),
  };
}

/** A mistyped name, which nobody else looks up. */
export function createMistypedHost(index: number): Host {
  return {
    name: `mistyped${index}.example.com`,
    ttlSeconds: 900,
    exists: false,
    hasIpv6: false,
    hasHttpsRecord: false,
  };
}
