import type { Random } from '../../src/lib/random.ts';
import { MS_PER_HOUR, MS_PER_MINUTE } from '../../src/lib/units.ts';
import { drawExponential, zipfRanks } from '../onion/draws.ts';
import { createMistypedHost, createWeb, type Host, type Web, ZIPF_EXPONENT } from './web.ts';

export type AskedType = 'A' | 'AAAA' | 'HTTPS';

/** One query that reaches the household's resolver. */
export interface HouseholdQuery {
  /** Milliseconds since the day began. */
  readonly atMs: number;
  readonly host: Host;
  readonly type: AskedType;
  /** Index of the device that sends it. */
  readonly device: number;
}

export const DAY_MS: number = 24 * MS_PER_HOUR;

/** The day begins when the household gets up, with an empty cache. */
export const FIRST_HOUR = 7;

/** Weight of each hour of the clock, from midnight: little by day, most in the evening, almost none at night. */
const BROWSING_BY_HOUR: readonly number[] = [
  1.5, 0.5, 0.2, 0.2, 0.2, 0.4, 2, 5, 6, 4, 4, 4, 5, 4, 4, 5, 6, 7, 8, 9, 10, 9, 6, 3,
];

/**
 * Telephones, computers and appliances of a family of four: together 10,000 to 20,000 queries a day. Users of DNS
 * filters published 9,000 a day for three devices of one person (270,563 in 30 days, 2021), and 2,100 for the
 * appliances of an empty house (24,656 in 11.7 days, 2019).
 */
const BROWSING_DEVICES = 5;
const APPLIANCES = 5;

/** Browsing sessions of one device per day. */
const SESSIONS = 12;
/** Mean number of pages per session; at least one. */
const PAGES_PER_SESSION = 8;
const READING_MS = 45_000;
/** Probability that the next page belongs to another site. */
const LEAVING_SHARE = 0.4;
const MISTYPED_SHARE = 0.1;

/** Time from the lookup of a page's own name to that of each other host: a minimum, and the mean beyond it. */
const FIRST_EMBEDDED_MS = 300;
const MEAN_EMBEDDED_MS = 700;

/** Interval between an appliance's lookups, give or take a tenth. */
const MIN_HEARTBEAT_MS = MS_PER_MINUTE;
const MAX_HEARTBEAT_MS = 10 * MS_PER_MINUTE;
const HEARTBEAT_JITTER = 0.1;

/** getaddrinfo() returns no TTL, so Firefox and Chromium keep its answers for a minute. */
const DEVICE_CACHE_MS = MS_PER_MINUTE;

const BROWSER_TYPES: readonly AskedType[] = ['A', 'AAAA', 'HTTPS'];
const APPLIANCE_TYPES: readonly AskedType[] = ['A', 'AAAA'];

/** The queries of a synthetic household in one day, in order of time. Deterministic for a given `random`. */
export function askForADay(random: Random): HouseholdQuery[] {
  const web = createWeb(random);
  const queries: HouseholdQuery[] = [];
  for (let device = 0; device < BROWSING_DEVICES; device++) queries.push(...browse(random, web, device));
  for (let i = 0; i < APPLIANCES; i++) queries.push(...beat(random, web, BROWSING_DEVICES + i));
  const ordered = queries.filter(({ atMs }) => atMs < DAY_MS).toSorted((a, b) => a.atMs - b.atMs);
  return withoutKept(ordered);
}

/** Sessions of several pages; each page looks up many names in a burst. */
function* browse(random: Random, web: Web, device: number): Generator<HouseholdQuery> {
  const siteRank = zipfRanks(web.sites.length, ZIPF_EXPONENT);
  let mistyped = 0;
  for (let sessions = drawExponential(random, 1); sessions < SESSIONS; sessions += drawExponential(random, 1)) {
    let atMs = timeOfShare(sessions / SESSIONS);
    let site: readonly Host[] = [];
    do {
      if (site.length === 0 || random.fraction() < LEAVING_SHARE) {
        if (random.fraction() < MISTYPED_SHARE) {
          yield* ask(atMs, createMistypedHost(device * 1000 + mistyped++), BROWSER_TYPES, device);
          atMs += READING_MS / 10;
        }
        site = web.sites[siteRank(random.fraction())] as readonly Host[];
      }
      for (const [i, host] of site.entries()) {
        const afterMs = i === 0 ? 0 : FIRST_EMBEDDED_MS + drawExponential(random, MEAN_EMBEDDED_MS);
        yield* ask(atMs + afterMs, host, BROWSER_TYPES, device);
      }
      atMs += drawExponential(random, READING_MS);
    } while (random.fraction() >= 1 / PAGES_PER_SESSION);
  }
}

/** An appliance looks up one name, day and night. Every other appliance has no IPv6. */
function* beat(random: Random, web: Web, device: number): Generator<HouseholdQuery> {
  const service = web.services[Math.floor(random.fraction() * web.services.length)] as Host;
  const types = random.fraction() < 0.5 ? APPLIANCE_TYPES : APPLIANCE_TYPES.slice(0, 1);
  const pauseMs = MIN_HEARTBEAT_MS + (MAX_HEARTBEAT_MS - MIN_HEARTBEAT_MS) * random.fraction();
  for (let atMs = pauseMs * random.fraction(); atMs < DAY_MS; ) {
    yield* ask(atMs, service, types, device);
    atMs += pauseMs * (1 - HEARTBEAT_JITTER + 2 * HEARTBEAT_JITTER * random.fraction());
  }
}

function ask(atMs: number, host: Host, types: readonly AskedType[], device: number): HouseholdQuery[] {
  return types.map((type) => ({ atMs, host, type, device }));
}

/** The time of day by which this share (0 to 1) of the browsing is done. */
function timeOfShare(share: number): number {
  const hours = BROWSING_BY_HOUR.map((_, i) => BROWSING_BY_HOUR[(FIRST_HOUR + i) % 24] as number);
  let left = share * hours.reduce((sum, weight) => sum + weight, 0);
  let hour = 0;
  for (; left > (hours[hour] as number); hour++) left -= hours[hour] as number;
  return (hour + left / (hours[hour] as number)) * MS_PER_HOUR;
}

/** Drops queries that the device's own cache answers. */
function withoutKept(ordered: readonly HouseholdQuery[]): HouseholdQuery[] {
  const keptUntil = new Map<string, number>();
  return ordered.filter(({ atMs, host, type, device }) => {
    const key = `${device} ${host.name} ${type}`;
    if (atMs < (keptUntil.get(key) ?? 0)) return false;
    keptUntil.set(key, atMs + DEVICE_CACHE_MS);
    return true;
  });
}
