import { createSeededRandom } from '../../bench/onion/seeded-random.ts';
import { Dns4torError } from '../../src/failures/errors.ts';
import type { ErrorCode } from '../../src/failures/failures.ts';
import { MS_PER_MINUTE } from '../../src/lib/units.ts';
import { RCODE, TYPE } from '../../src/message/wire/tables.ts';
import { type Counters, createCounters } from '../../src/metrics/counters.ts';
import type { AnswerSource } from '../../src/metrics/metrics.ts';
import type { StatusSnapshot } from '../../src/status/snapshot.ts';
import { Status, type StatusSources } from '../../src/status/status.ts';
import { ManualClock } from '../../test/fixtures/manual-clock.ts';

/** Cloudflare's onion resolver, the default upstream. */
const RESOLVER = 'dns4torpnlfs2ifuz2s2yf3fc7rdmsbhm6rw75euj35pac6ap25zgqad.onion:443';
const SEED = 20_260_102;
const STARTED_AT = Date.UTC(2026, 0, 2, 18, 3, 20);
const MINUTES = 130;
/** When the resolver was hard to reach for a while, in minutes before now. */
const TROUBLE_MINUTES_AGO = { from: 37, to: 34 } as const;
/** When the current outage began, in minutes before now. */
const OUTAGE_MINUTES = 5;

const CACHED_SHARE = 0.78;
const LOCAL_SHARE = 0.03;
/** The median response time of an onion. One answer in twenty takes more than four times as long. */
const MEDIAN_MS = 640;
const SPREAD = 0.85;

/** A made-up hour of a household's evening: random queries, counted by the real counters. */
export function madeUpHour(outage: boolean): StatusSnapshot {
  const random = createSeededRandom(SEED);
  const clock = new ManualClock(STARTED_AT);
  const counters = createCounters([RESOLVER], 3);
  using status = new Status(
    { clock, counters, sources: outage ? CUT_OFF : CONNECTED },
    { version: '0.1.0', cacheMaxBytes: 16 * 2 ** 20 },
  );
  const draw = (): number => random.fraction();
  for (let minute = 0; minute < MINUTES; minute++) {
    const minutesAgo = MINUTES - minute;
    const isCut = outage && minutesAgo <= OUTAGE_MINUTES;
    const isTroubled = minutesAgo <= TROUBLE_MINUTES_AGO.from && minutesAgo > TROUBLE_MINUTES_AGO.to;
    const failure = isCut ? 'ERR_TOR_UNREACHABLE' : isTroubled && draw() < 0.8 ? 'ERR_TOR_TIMEOUT' : undefined;
    for (let left = queriesIn(minute, draw); left > 0; left--) answer(counters, draw, failure);
    // The last minute is incomplete.
    clock.advance(minute === MINUTES - 1 ? MS_PER_MINUTE / 2 : MS_PER_MINUTE);
  }
  return status.snapshot();
}

/** A made-up first minute on a network that blocks Tor. */
export function madeUpStuck(): StatusSnapshot {
  const clock = new ManualClock(STARTED_AT);
  using status = new Status(
    { clock, counters: createCounters([RESOLVER], 3), sources: STUCK },
    { version: '0.1.0', cacheMaxBytes: 16 * 2 ** 20 },
  );
  clock.advance(MS_PER_MINUTE / 2);
  return status.snapshot();
}

/** Queries per minute: some browsing, with breaks. */
function queriesIn(minute: number, draw: () => number): number {
  const isBusy = Math.sin(minute / 7) + Math.sin(minute / 3.1) > -0.6;
  return Math.round(isBusy ? 15 + 70 * draw() ** 2 : 6 * draw());
}

function answer(counters: Counters, draw: () => number, failure: ErrorCode | undefined): void {
  const kind = draw();
  if (kind < LOCAL_SHARE) return count(counters, 'policy', 0.03 + 0.02 * draw());
  if (kind < LOCAL_SHARE + CACHED_SHARE) return count(counters, 'cache', 0.02 + 0.05 * draw());
  if (failure !== undefined) {
    counters.connected(0, failure);
    if (draw() < 0.7) {
      counters.servedStale('failed');
      return count(counters, 'cache', 1800);
    }
    counters.failed(failure);
    return count(counters, 'upstream', 1 + draw(), RCODE.SERVFAIL);
  }
  // A normal deviate from two uniform ones (Box and Muller); its exponential is lognormal, like response times through
  // Tor.
  const normal = Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
  count(counters, 'upstream', MEDIAN_MS * Math.exp(SPREAD * normal));
}

function count(counters: Counters, source: AnswerSource, durationMs: number, rcode: number = RCODE.NOERROR): void {
  counters.answered('udp', 4, TYPE.A, rcode, source, 40, 56, durationMs);
}

const CONNECTED: StatusSources = {
  torKind: () => 'external',
  tor: () => ({
    state: 'up',
    bootstrapPercent: 100,
    circuits: { launched: 0, guard_wait: 0, extended: 1, built: 14 },
  }),
  connectivity: () => ({ lastAnswerSecondsAgo: 2, failuresInARow: 0, failure: undefined, silentMs: 0 }),
  systemResolver: () => ({ state: 'not_installed' }),
  listening: () => ['dns://127.0.0.1:53'],
  certificate: () => undefined,
  upstreams: [
    {
      label: RESOLVER,
      status: {
        breakerStates: ['closed'],
        queueDepth: 2,
        connections: [
          { slot: 0, state: 'open', typicalMs: 582, inFlight: 2 },
          { slot: 1, state: 'open', typicalMs: 1140, inFlight: 0 },
          { slot: 2, state: 'open', typicalMs: 764, inFlight: 0 },
        ],
      },
    },
  ],
  routes: () => [],
  cache: () => ({ entries: 6_418, bytes: 1_376_256 }),
};

const CUT_OFF: StatusSources = {
  ...CONNECTED,
  tor: () => ({ state: 'down', bootstrapPercent: 0 }),
  connectivity: () => ({
    lastAnswerSecondsAgo: 285,
    failuresInARow: 40,
    failure: 'ERR_TOR_UNREACHABLE',
    silentMs: 1000,
  }),
  upstreams: CONNECTED.upstreams.map(({ label, status }) => ({
    label,
    status: {
      breakerStates: ['open'],
      failure: 'ERR_TOR_UNREACHABLE',
      queueDepth: 0,
      connections: status.connections.map(({ slot }) => ({
        slot,
        state: 'closed',
        typicalMs: undefined,
        inFlight: 0,
      })),
    },
  })),
};

const STUCK: StatusSources = {
  torKind: () => 'managed',
  tor: () => ({
    state: 'stuck',
    bootstrapPercent: 5,
    bootstrapSummary: 'Connecting to a relay',
    trouble: new Dns4torError('ERR_TOR_BLOCKED', 'Tor is stuck at 5 % (Connecting to a relay)'),
    circuits: { launched: 0, guard_wait: 0, extended: 0, built: 0 },
  }),
  connectivity: () => ({ lastAnswerSecondsAgo: undefined, failuresInARow: 8, failure: 'ERR_TOR_TIMEOUT', silentMs: 0 }),
  systemResolver: () => ({ state: 'not_installed' }),
  listening: () => ['dns://127.0.0.1:53'],
  certificate: () => undefined,
  upstreams: [
    {
      label: RESOLVER,
      status: {
        breakerStates: ['half_open'],
        failure: 'ERR_TOR_TIMEOUT',
        queueDepth: 0,
        connections: [0, 1, 2].map((slot) => ({ slot, state: 'connecting', typicalMs: undefined, inFlight: 0 })),
      },
    },
  ],
  routes: () => [],
  cache: () => ({ entries: 0, bytes: 0 }),
};
