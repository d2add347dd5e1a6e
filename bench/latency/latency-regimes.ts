import type { Random } from '../../src/lib/random.ts';
import { MS_PER_HOUR } from '../../src/lib/units.ts';
import { drawExponential } from '../onion/draws.ts';

/** One part of the benchmark: when names are looked up. Each name is looked up once, so no cache helps. */
export interface Regime {
  readonly name: string;
  readonly title: string;
  /** Names that are looked up at once, as for a web page. Absent: one at a time. */
  readonly pageNames?: number;
  /** Whether the first lookups come as the program starts. Otherwise it has loaded a page and waited some seconds. */
  readonly isCold: boolean;
  /** Whether the resolver answers 503 to every query on one circuit in three. */
  readonly rejects: boolean;
  /** Times of the lookups in milliseconds from the beginning, ascending. */
  readonly schedule: (random: Random) => readonly number[];
  /** Duration in milliseconds, past the last answer. */
  readonly lastsMs: number;
}

export const PAGE_NAMES = 30;

const warm = { isCold: false, rejects: false } as const;

export const REGIMES: readonly Regime[] = [
  { name: 'busy', title: '15 names a second', ...warm, schedule: (random) => poisson(random, 15, 60), lastsMs: 60_000 },
  {
    name: 'pages',
    title: `a page of ${PAGE_NAMES} names every 6 s`,
    pageNames: PAGE_NAMES,
    ...warm,
    schedule: () => Array.from({ length: 20 * PAGE_NAMES }, (_, i) => 6000 * Math.floor(i / PAGE_NAMES)),
    lastsMs: 120_000,
  },
  { name: 'quiet', title: '1 name a second', ...warm, schedule: () => everySecond(180), lastsMs: 180_000 },
  {
    name: 'cold',
    title: `a page of ${PAGE_NAMES} names when the program starts`,
    pageNames: PAGE_NAMES,
    isCold: true,
    rejects: false,
    schedule: () => Array.from({ length: PAGE_NAMES }, () => 0),
    lastsMs: 0,
  },
  {
    name: 'turned-away',
    title: '10 names a second, and one circuit in three is answered 503',
    isCold: false,
    rejects: true,
    schedule: (random) => poisson(random, 10, 30),
    lastsMs: 30_000,
  },
];

const BUSY_MINUTES = 20;

/** Long regimes, which count the circuits built. The last one is shorter because it takes the most work. */
export const LONG_REGIMES: readonly Regime[] = [
  { name: 'idle hour', title: 'no name in an hour', ...warm, schedule: () => [], lastsMs: MS_PER_HOUR },
  { name: 'quiet hour', title: '1 name a second', ...warm, schedule: () => everySecond(3600), lastsMs: MS_PER_HOUR },
  {
    name: 'busy hour',
    title: '15 names a second',
    ...warm,
    schedule: (random) => poisson(random, 15, BUSY_MINUTES * 60),
    lastsMs: BUSY_MINUTES * 60_000,
  },
];

/** Independent arrivals: exponential intervals, rounded to milliseconds. */
export function poisson(random: Random, perSecond: number, seconds: number): number[] {
  const times: number[] = [];
  const next = (atMs: number): number => atMs + drawExponential(random, 1000 / perSecond);
  for (let atMs = next(0); atMs < seconds * 1000; atMs = next(atMs)) times.push(Math.round(atMs));
  return times;
}

export function everySecond(seconds: number): number[] {
  return Array.from({ length: seconds }, (_, i) => i * 1000);
}
