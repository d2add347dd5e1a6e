import type { Random } from '../../src/lib/random.ts';
import { drawNormal, drawWeighted, zipfRanks } from '../onion/draws.ts';

/** A name, and what a resolver knows of it. */
export interface Host {
  readonly name: string;
  /** Of its records, and of the SOA record that stands in for those it does not have. */
  readonly ttlSeconds: number;
  readonly exists: boolean;
  readonly hasIpv6: boolean;
  readonly hasHttpsRecord: boolean;
}

/** The part of the net that one household sees. */
export interface Web {
  /** The hosts that a page of each site is loaded from, the site's own name first. The best known sites come first. */
  readonly sites: readonly (readonly Host[])[];
  /** What appliances report to. */
  readonly services: readonly Host[];
}

/**
 * Seconds, and shares of names. As Denis saw them in the answers of a public server ("Stop using ridiculously low DNS TTLs", 2019): half at
 * most a minute, three quarters at most five, and hardly any above an hour.
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
 * Jung et al. found 0.88 to 0.94 for names in three traces ("DNS Performance and the Effectiveness of Caching", 2002); so the hosts that many
 * sites share are drawn.
 */
export const ZIPF_EXPONENT = 0.91;

/** Of the million best known sites a page takes 10 names in the median and 12.2 in the mean (Karlstad University, 2016): a log-normal with both. */
const MEDIAN_HOSTS = 10;
const HOSTS_LOG_DEVIATION = 0.63;
const MAX_HOSTS = 60;

/** Of a page's hosts, the site's own name aside. */
const OWN_SHARE = 0.3;

/**
 * Of the hosts of pages, such as trackers that were given up: with the mistyped names about 9 % of queries, as Brandhorst and Pras counted in
 * residential networks ("DNS: a statistical analysis of name server traffic").
 */
const GONE_SHARE = 0.1;

/** Assumed. What a name does not have is answered too, and kept, by NODATA. */
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

/** A name that somebody mistyped, and nobody else will ask for. */
export function createMistypedHost(index: number): Host {
  return {
    name: `mistyped${index}.example.com`,
    ttlSeconds: 900,
    exists: false,
    hasIpv6: false,
    hasHttpsRecord: false,
  };
}
