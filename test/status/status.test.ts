import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dns4torError } from '../../src/failures/errors.ts';
import { type ErrorCode, failureText } from '../../src/failures/failures.ts';
import { RCODE } from '../../src/message/wire/tables.ts';
import { type Counters, createCounters } from '../../src/metrics/counters.ts';
import type { RouteStatus } from '../../src/model/route-status.ts';
import type { SystemResolver } from '../../src/model/system-resolver.ts';
import type { CertificateValidity } from '../../src/model/tls/certificate-validity.ts';
import type { StatusSnapshot } from '../../src/status/snapshot.ts';
import { Status, type UpstreamStatus } from '../../src/status/status.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';
import { answer } from './answers.ts';

const MINUTE_MS = 60_000;

interface Fixture extends Disposable {
  readonly clock: ManualClock;
  readonly counters: Counters;
  readonly snapshot: () => StatusSnapshot;
  /** The status of the upstream. */
  readonly set: (changes: Partial<UpstreamStatus>) => void;
}

function create(
  routes: readonly RouteStatus[] = [],
  systemResolver: SystemResolver = { state: 'leads_here' },
  certificate?: CertificateValidity,
): Fixture {
  const clock = new ManualClock();
  const counters = createCounters(['resolver.test:443'], 1);
  let shown: UpstreamStatus = {
    breakerStates: ['closed'],
    queueDepth: 2,
    connections: [
      { slot: 0, state: 'open', typicalMs: 812, inFlight: 1 },
      { slot: 1, state: 'connecting', typicalMs: undefined, inFlight: 0 },
    ],
  };
  const status = new Status(
    {
      clock,
      counters,
      sources: {
        torKind: () => 'managed',
        tor: () => ({ state: 'up', bootstrapPercent: 100 }),
        connectivity: () => ({ lastAnswerSecondsAgo: 3, failuresInARow: 0, failure: undefined, silentMs: 0 }),
        systemResolver: () => systemResolver,
        listening: () => ['dns://127.0.0.1:53'],
        certificate: () => certificate,
        upstreams: [
          {
            label: 'resolver.test:443',
            get status() {
              return shown;
            },
          },
        ],
        routes: () => routes,
        cache: () => ({ entries: 12, bytes: 3400 }),
      },
    },
    { version: '1.2.3', cacheMaxBytes: 65_536 },
  );
  return {
    clock,
    counters,
    snapshot: () => status.snapshot(),
    set: (changes) => (shown = { ...shown, ...changes }),
    [Symbol.dispose]: () => status[Symbol.dispose](),
  };
}

function fail(counters: Counters, code: ErrorCode, times: number): void {
  for (let i = 0; i < times; i++) {
    counters.failed(code);
    answer(counters, { source: 'upstream', rcode: RCODE.SERVFAIL });
  }
}

test('a snapshot has every field, null for unknown values', () => {
  using fixture = create();
  const { clock, counters, snapshot } = fixture;
  answer(counters, { source: 'upstream', durationMs: 900 });
  clock.advance(1500);
  const { lastHour, ...rest } = snapshot();
  assert.deepEqual(rest, {
    format: 1,
    version: '1.2.3',
    atEpochMs: clock.epochMs(),
    uptimeSeconds: 1,
    state: 'working',
    sentence: 'Working: names are resolved through Tor.',
    headline: 'Working: names are resolved through Tor.',
    remedy: null,
    reason: null,
    lastAnswerSecondsAgo: 3,
    tor: { kind: 'managed', state: 'up', bootstrapPercent: 100, bootstrapSummary: null, trouble: null, circuits: null },
    systemResolver: { state: 'leads_here', trouble: null },
    listening: {
      urls: ['dns://127.0.0.1:53'],
      queries: { udp: 1, tcp: 0, dot: 0, doh: 0 },
      certificateExpiresAtEpochMs: null,
    },
    upstreams: [
      {
        upstream: 'resolver.test:443',
        breaker: 'closed',
        reason: null,
        sentence: null,
        inFlight: 2,
        circuits: [
          { slot: 0, state: 'open', responseTimeMs: 812, inFlight: 1 },
          { slot: 1, state: 'connecting', responseTimeMs: null, inFlight: 0 },
        ],
      },
    ],
    routes: [],
    totals: { cache: 0, upstream: 1, stale: 0, failed: 0, local: 0 },
    cache: { entries: 12, bytes: 3400, maxBytes: 65_536 },
    errors: [],
  });
  const [minute] = lastHour.minutes;
  assert.deepEqual(minute?.answers, lastHour.answers);
  assert.deepEqual(minute?.latency, lastHour.latency);
  assert.equal(minute?.startedAtEpochMs, clock.epochMs() - 1500);
});

test('a snapshot counts the queries of each transport, and says when the certificate expires', () => {
  const untilEpochMs = new ManualClock().epochMs() + MINUTE_MS;
  using fixture = create([], { state: 'leads_here' }, { fromEpochMs: 0, untilEpochMs });
  for (const transport of ['dot', 'doh', 'doh'] as const) {
    fixture.counters.answered(transport, 4, 1, RCODE.NOERROR, 'cache', 40, 56, 1);
  }
  const { state, listening } = fixture.snapshot();
  assert.equal(state, 'working');
  assert.deepEqual(listening.queries, { udp: 0, tcp: 0, dot: 1, doh: 2 });
  assert.equal(listening.certificateExpiresAtEpochMs, untilEpochMs);
  fixture.clock.advance(2 * MINUTE_MS);
  assert.equal(fixture.snapshot().reason, 'certificate_expired');
});

test('a snapshot says where names of this machine go instead, and that this degrades the service', () => {
  const trouble = new Dns4torError('ERR_SYSTEM_ELSEWHERE', '/etc/resolv.conf names 192.0.2.1');
  using fixture = create([], { state: 'elsewhere', trouble });
  const { state, reason, headline, systemResolver } = fixture.snapshot();
  assert.deepEqual([state, reason], ['degraded', 'system_elsewhere']);
  assert.ok(headline.includes(trouble.problem), headline);
  assert.deepEqual(systemResolver, {
    state: 'elsewhere',
    trouble: { reason: 'system_elsewhere', problem: trouble.problem, remedy: trouble.remedy },
  });
});

test('a circuit has a response time only while it is open', () => {
  using fixture = create();
  const { snapshot, set } = fixture;
  for (const state of ['connecting', 'closed'] as const) {
    set({ connections: [{ slot: 0, state, typicalMs: 812, inFlight: 0 }] });
    assert.equal(snapshot().upstreams[0]?.circuits[0]?.responseTimeMs, null, state);
  }
});

test('the counters are read once a minute, and disposing leaves no timer', () => {
  const fixture = create();
  const { clock, counters, snapshot } = fixture;
  answer(counters, { source: 'upstream' });
  clock.advance(MINUTE_MS);
  answer(counters, { source: 'cache' });
  assert.deepEqual(
    snapshot().lastHour.minutes.map(({ answers }) => [answers.upstream, answers.cache]),
    [
      [1, 0],
      [0, 1],
    ],
  );
  assert.equal(clock.untilNextMs, MINUTE_MS);
  assert.equal(clock.pendingTimers, 1);
  fixture[Symbol.dispose]();
  assert.equal(clock.pendingTimers, 0);
});

test('failures of the last hour come with a remedy, the most answers first', () => {
  using fixture = create();
  const { clock, counters, snapshot } = fixture;
  fail(counters, 'ERR_TOR_UNREACHABLE', 1);
  clock.advance(MINUTE_MS);
  fail(counters, 'ERR_DEADLINE', 2);
  counters.connected(0, 'ERR_TLS');
  assert.deepEqual(
    snapshot().errors.map(({ reason, answers, connections }) => [reason, answers, connections]),
    [
      ['deadline', 2, 0],
      ['tor_unreachable', 1, 0],
      ['tls', 0, 1],
    ],
  );
  assert.equal(snapshot().errors[1]?.sentence, failureText('ERR_TOR_UNREACHABLE'));
  clock.advance(60 * MINUTE_MS);
  assert.deepEqual(snapshot().errors, []);
  assert.equal(snapshot().totals.failed, 3);
});

test('an outage shows with its reason, and failures during it do not count once it has ended', () => {
  using fixture = create();
  const { counters, snapshot, set } = fixture;
  assert.equal(snapshot().state, 'working');
  set({ breakerStates: ['open'], failure: 'ERR_TOR_UNREACHABLE' });
  fail(counters, 'ERR_TOR_UNREACHABLE', 100);
  const { state, reason, upstreams } = snapshot();
  assert.deepEqual([state, reason, upstreams[0]?.breaker], ['failing', 'tor_unreachable', 'open']);
  set({ breakerStates: ['closed'], failure: undefined });
  assert.equal(snapshot().state, 'working');
  assert.equal(snapshot().lastHour.answers.failed, 100);
});

test('failed answers despite open circuits degrade the service for a minute or two', () => {
  using fixture = create();
  const { clock, counters, snapshot } = fixture;
  snapshot();
  fail(counters, 'ERR_DEADLINE', 50);
  assert.equal(snapshot().state, 'degraded');
  clock.advance(MINUTE_MS);
  assert.equal(snapshot().state, 'degraded');
  clock.advance(MINUTE_MS);
  assert.equal(snapshot().state, 'working');
});

test('with circuits per client, one connected client is enough', () => {
  using fixture = create();
  const { snapshot, set } = fixture;
  const breakerOf = (...breakerStates: UpstreamStatus['breakerStates']): string | undefined => {
    set({ breakerStates });
    return snapshot().upstreams[0]?.breaker;
  };
  assert.equal(breakerOf(), 'closed');
  assert.equal(breakerOf('open', 'closed'), 'closed');
  assert.equal(breakerOf('open', 'half_open'), 'half_open');
  assert.equal(breakerOf('open', 'open'), 'open');
});

test('a route shows why its servers fail, which does not degrade the service', () => {
  using fixture = create([
    {
      suffix: 'lan',
      servers: [
        { address: '192.168.1.1:53', failure: 'ERR_ROUTE_TIMEOUT' },
        { address: '192.168.1.2:53', failure: undefined },
      ],
      outcomes: new Map([['route_timeout', 20]]),
    },
  ]);
  // The first snapshot begins the time that the state depends on.
  fixture.snapshot();
  fail(fixture.counters, 'ERR_ROUTE_TIMEOUT', 20);
  const { routes, state } = fixture.snapshot();
  assert.equal(state, 'working');
  assert.deepEqual(routes, [
    {
      route: 'lan',
      servers: [
        { server: '192.168.1.1:53', reason: 'route_timeout', sentence: failureText('ERR_ROUTE_TIMEOUT') },
        { server: '192.168.1.2:53', reason: null, sentence: null },
      ],
    },
  ]);
});
