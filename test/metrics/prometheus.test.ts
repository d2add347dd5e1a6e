import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ErrorCode, FAILURES } from '../../src/failures/failures.ts';
import { RCODE, TYPE } from '../../src/message/wire/tables.ts';
import type { Counters } from '../../src/metrics/counters.ts';
import {
  ADMISSION_REASONS,
  ANSWER_SOURCES,
  BLOCK_REASONS,
  DROP_REASONS,
  HEDGE_EVENTS,
  NAME_SOURCES,
  PREFETCH_EVENTS,
  RECONNECT_CAUSES,
  RELOAD_OUTCOMES,
  STALE_REASONS,
} from '../../src/metrics/metrics.ts';
import { TRANSPORTS } from '../../src/model/query.ts';
import { SYSTEM_RESOLVER_STATES } from '../../src/model/system-resolver.ts';
import { CIRCUIT_STATES, TOR_SEVERITIES, TOR_STATES } from '../../src/model/tor-status.ts';
import { BREAKER_STATES, CONNECTION_STATES } from '../../src/model/upstream-status.ts';
import { runProgram } from '../fixtures/process/run-program.ts';
import { CIRCUITS, createFixture, IDENTITY, labelsOf, ONION, OTHER } from './scrape.ts';

const DNS = 'server="dns://localhost:53"';
const UDP_A = [60, 120, 0.4] as const;

/** Reports one event of every kind. */
function exercise(counters: Counters): void {
  counters.answered('udp', 4, TYPE.A, RCODE.NOERROR, 'cache', ...UDP_A);
  counters.answered('tcp', 6, TYPE.HTTPS, RCODE.SERVFAIL, 'upstream', 60, 90, 12_000);
  counters.cacheHit(false);
  counters.cacheHit(true);
  counters.cacheMiss();
  counters.coalesced();
  for (const reason of DROP_REASONS) counters.dropped(reason);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the table's keys are the codes
  for (const code of Object.keys(FAILURES) as ErrorCode[]) {
    counters.exchanged(0, 0, code, 100);
    counters.connected(1, code);
    counters.failed(code);
  }
  counters.exchanged(0, 2, 'ok', 700);
  for (const reason of STALE_REASONS) counters.servedStale(reason);
  for (const event of HEDGE_EVENTS) counters.hedged(0, 1, event);
  for (const cause of RECONNECT_CAUSES) counters.reconnected(1, 2, cause);
  for (const reason of ADMISSION_REASONS) counters.notAdmitted(reason);
  counters.cacheEvicted(true);
  counters.udpBatch(3);
  counters.tcpOpened();
  for (const event of PREFETCH_EVENTS) counters.prefetched(event);
  counters.newnym();
  counters.connected(1, 'ok');
}

test('promtool accepts a scrape, both empty and with every series', async () => {
  const { counters, exposition } = createFixture();
  assert.equal(exposition.contentType, 'text/plain; version=0.0.4; charset=utf-8');
  await runProgram('promtool', ['check', 'metrics'], { input: await exposition.render() });
  exercise(counters);
  await runProgram('promtool', ['check', 'metrics'], { input: await exposition.render() });
});

test('a failure is counted by its reason', async () => {
  const { counters, scrape } = createFixture();
  counters.failed('ERR_QUERY_OPCODE');
  counters.failed('ERR_IN_FLIGHT');
  counters.failed('ERR_IN_FLIGHT');
  const samples = await scrape();
  assert.equal(samples.get('dns4tor_failures_total{reason="query_opcode"}'), 1);
  assert.equal(samples.get('dns4tor_failures_total{reason="in_flight"}'), 2);
});

test('an answered query is counted by transport, family and type, under the labels of CoreDNS', async () => {
  const { counters, scrape } = createFixture();
  counters.answered('udp', 4, TYPE.A, RCODE.NOERROR, 'cache', ...UDP_A);
  counters.answered('udp', 4, TYPE.A, RCODE.NOERROR, 'cache', ...UDP_A);
  counters.answered('tcp', 6, TYPE.CAA, RCODE.NOERROR, 'upstream', ...UDP_A);
  const series = await scrape();
  const requests = (family: number, proto: string, type: string): number | undefined =>
    series.get(
      `coredns_dns_requests_total{family="${family}",proto="${proto}",${DNS},type="${type}",view="",zone="."}`,
    );
  assert.equal(requests(1, 'udp', 'A'), 2);
  assert.equal(requests(2, 'tcp', 'CAA'), 1);
  assert.equal([...series.keys()].filter((key) => key.startsWith('coredns_dns_requests_total')).length, 2);
});

test('an answer is counted by response code and by the step that made it, SERVFAIL included', async () => {
  const { counters, scrape } = createFixture();
  const responses = async (rcode: string, plugin: string): Promise<number | undefined> =>
    (await scrape()).get(`coredns_dns_responses_total{plugin="${plugin}",rcode="${rcode}",${DNS},view="",zone="."}`);
  counters.answered('udp', 4, TYPE.A, 2, 'upstream', ...UDP_A);
  assert.equal(await responses('SERVFAIL', 'upstream'), 1);
  assert.equal(await responses('NOERROR', 'upstream'), undefined);
  for (const [name, code] of Object.entries(RCODE)) {
    for (const source of ANSWER_SOURCES) counters.answered('udp', 4, TYPE.A, code, source, ...UDP_A);
    assert.equal(await responses(name, 'policy'), 1);
    assert.equal(await responses(name, 'cache'), 1);
  }
  assert.equal(await responses('SERVFAIL', 'upstream'), 2);
  assert.equal(await responses('other', 'upstream'), undefined);
});

test('types and response codes without a name are counted as other', async () => {
  const { counters, scrape } = createFixture();
  // Unassigned, an unreadable question, beyond the tables, and the maximum.
  for (const qtype of [0, 3, -1, 511, 512, 65_535]) counters.answered('udp', 4, qtype, 0, 'policy', ...UDP_A);
  for (const rcode of [12, 15, 24, 63, 64, 4095]) counters.answered('udp', 4, TYPE.A, rcode, 'policy', ...UDP_A);
  const series = await scrape();
  assert.equal(
    series.get(`coredns_dns_requests_total{family="1",proto="udp",${DNS},type="other",view="",zone="."}`),
    6,
  );
  assert.equal(series.get(`coredns_dns_responses_total{plugin="policy",rcode="other",${DNS},view="",zone="."}`), 6);
});

test('labels have only values that were known beforehand', async () => {
  const { counters, scrape } = createFixture();
  exercise(counters);
  const integer = fc.integer({ min: -1, max: 70_000 });
  fc.assert(
    fc.property(integer, integer, fc.constantFrom(...ANSWER_SOURCES), (qtype, rcode, source) => {
      counters.answered('udp', 4, qtype, rcode, source, ...UDP_A);
    }),
  );
  const closed: Record<string, readonly string[]> = {
    server: [IDENTITY.server],
    zone: ['.'],
    zones: ['.'],
    view: [''],
    proto: TRANSPORTS,
    family: ['1', '2'],
    type: [...Object.keys(TYPE), 'other', 'success', 'denial', ''],
    rcode: [...Object.keys(RCODE), 'other'],
    plugin: ANSWER_SOURCES,
    severity: TOR_SEVERITIES,
    upstream: [ONION, OTHER],
    outcome: [...RELOAD_OUTCOMES, 'ok', ...Object.values(FAILURES).map(({ label }) => label)],
    event: [...HEDGE_EVENTS, ...PREFETCH_EVENTS],
    reason: [
      ...DROP_REASONS,
      ...ADMISSION_REASONS,
      ...BLOCK_REASONS,
      ...STALE_REASONS,
      ...Object.values(FAILURES).map(({ label }) => label),
    ],
    slot: ['0', '1', '2'],
    source: NAME_SOURCES,
    cause: RECONNECT_CAUSES,
    state: [...CONNECTION_STATES, ...BREAKER_STATES, ...TOR_STATES, ...CIRCUIT_STATES, ...SYSTEM_RESOLVER_STATES],
    version: [IDENTITY.version],
    node: [IDENTITY.nodeVersion],
    goversion: [''],
    revision: ['unknown'],
  };
  for (const key of (await scrape()).keys()) {
    if (!/^(coredns|dns4tor|build)_/.test(key)) continue;
    for (const pair of labelsOf(key)) {
      const [, label = '', value = ''] = /^(\w+)="(.*)"$/.exec(pair) ?? [];
      if (label === 'le') assert.match(value, /^(\d+(\.\d+)?|\+Inf)$/);
      else assert.ok(closed[label]?.includes(value), pair);
    }
  }
});

test('durations are exported as cumulative histograms in seconds, and sizes in whole blocks of 128 and 468 bytes', async () => {
  const { counters, scrape } = createFixture();
  counters.answered('udp', 4, TYPE.A, RCODE.NOERROR, 'cache', 60, 600, 0.1);
  counters.answered('udp', 4, TYPE.A, RCODE.NOERROR, 'upstream', 101, 60_000, 1_563);
  counters.answered('tcp', 4, TYPE.A, RCODE.SERVFAIL, 'upstream', 60, 65_535, 40_000);
  const series = await scrape();
  const duration = (le: string): number | undefined =>
    series.get(`coredns_dns_request_duration_seconds_bucket{le="${le}",${DNS},view="",zone="."}`);
  assert.equal(duration('0.0000625'), 0);
  assert.equal(duration('0.000125'), 1);
  assert.equal(duration('1.536'), 1);
  assert.equal(duration('2.048'), 2);
  assert.equal(duration('32.768'), 2);
  assert.equal(duration('+Inf'), 3);
  assert.equal(series.get(`coredns_dns_request_duration_seconds_count{${DNS},view="",zone="."}`), 3);
  const seconds = series.get(`coredns_dns_request_duration_seconds_sum{${DNS},view="",zone="."}`);
  assert.ok(Math.abs(seconds! - 41.5631) < 1e-9);

  const size = (name: string, proto: string, le: string): number | undefined =>
    series.get(`coredns_dns_${name}_size_bytes_bucket{le="${le}",proto="${proto}",${DNS},view="",zone="."}`);
  assert.equal(size('request', 'udp', '100'), 0);
  assert.equal(size('request', 'udp', '200'), 2);
  assert.equal(size('request', 'tcp', '200'), 1);
  assert.equal(size('response', 'udp', '511'), 0);
  assert.equal(size('response', 'udp', '64000'), 2);
  assert.equal(size('response', 'tcp', '64000'), 0);
  assert.equal(size('response', 'tcp', '+Inf'), 1);
  assert.equal(
    series.get(`coredns_dns_response_size_bytes_sum{proto="udp",${DNS},view="",zone="."}`),
    2 * 468 + 129 * 468,
  );
  assert.equal(series.get(`coredns_dns_request_size_bytes_sum{proto="udp",${DNS},view="",zone="."}`), 2 * 128);
});

test('the counters of the cache start at 0', async () => {
  const { counters, readings, scrape } = createFixture();
  const cache = async (): Promise<(number | undefined)[]> => {
    const series = await scrape();
    return [
      series.get(`coredns_cache_requests_total{${DNS},view="",zones="."}`),
      series.get(`coredns_cache_hits_total{${DNS},type="success",view="",zones="."}`),
      series.get(`coredns_cache_hits_total{${DNS},type="denial",view="",zones="."}`),
      series.get(`coredns_cache_misses_total{${DNS},view="",zones="."}`),
      series.get(`coredns_cache_entries{${DNS},type="success",view="",zones="."}`),
      series.get(`coredns_cache_entries{${DNS},type="denial",view="",zones="."}`),
      series.get('dns4tor_cache_bytes{type="success"}'),
      series.get('dns4tor_cache_bytes{type="denial"}'),
      series.get(`coredns_cache_evictions_total{${DNS},type="success",view="",zones="."}`),
      series.get(`coredns_cache_evictions_total{${DNS},type="denial",view="",zones="."}`),
    ];
  };
  assert.deepEqual(await cache(), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  counters.cacheHit(false);
  counters.cacheHit(false);
  counters.cacheHit(true);
  counters.cacheMiss();
  readings.entries = { success: 7, denial: 3 };
  readings.bytes = { success: 4096, denial: 512 };
  counters.cacheEvicted(true);
  counters.cacheEvicted(false);
  counters.cacheEvicted(false);
  assert.deepEqual(await cache(), [4, 2, 1, 1, 7, 3, 4096, 512, 2, 1]);
});

test('drops are counted by reason, and coalesced queries are counted, starting at 0', async () => {
  const { counters, scrape } = createFixture();
  for (const [index, reason] of DROP_REASONS.entries()) {
    assert.equal((await scrape()).get(`dns4tor_dropped_total{reason="${reason}"}`), 0);
    for (let times = 0; times <= index; times += 1) counters.dropped(reason);
    assert.equal((await scrape()).get(`dns4tor_dropped_total{reason="${reason}"}`), index + 1);
  }
  assert.equal((await scrape()).get('dns4tor_coalesced_total'), 0);
  counters.coalesced();
  assert.equal((await scrape()).get('dns4tor_coalesced_total'), 1);
});

test('exchanges are counted by upstream, slot and outcome, and only successes have a latency', async () => {
  const { counters, scrape } = createFixture();
  counters.exchanged(0, 0, 'ok', 700);
  counters.exchanged(0, 2, 'ok', 1700);
  counters.exchanged(0, 0, 'ERR_UPSTREAM_STALLED', 0);
  counters.exchanged(1, 1, 'ERR_TOR_HS_DESC_NOT_FOUND', 20_000);
  const series = await scrape();
  const requests = (upstream: string, slot: number, outcome: string): number | undefined =>
    series.get(`dns4tor_upstream_requests_total{outcome="${outcome}",slot="${slot}",upstream="${upstream}"}`);
  assert.equal(requests(ONION, 0, 'ok'), 1);
  assert.equal(requests(ONION, 2, 'ok'), 1);
  assert.equal(requests(ONION, 0, 'upstream_stalled'), 1);
  assert.equal(requests(OTHER, 1, 'tor_hs_desc_not_found'), 1);
  assert.equal(requests(OTHER, 1, 'ok'), undefined);
  const duration = (rest: string): number | undefined =>
    series.get(`dns4tor_upstream_request_duration_seconds_${rest}`);
  assert.equal(duration(`count{slot="0",upstream="${ONION}"}`), 1);
  assert.equal(duration(`sum{slot="0",upstream="${ONION}"}`), 0.7);
  assert.equal(duration(`sum{slot="2",upstream="${ONION}"}`), 1.7);
  assert.equal(duration(`bucket{le="0.512",slot="0",upstream="${ONION}"}`), 0);
  assert.equal(duration(`bucket{le="0.768",slot="0",upstream="${ONION}"}`), 1);
  assert.equal(duration(`count{slot="1",upstream="${OTHER}"}`), 0);
});

test('the gauges of circuits are exported by slot, without an estimate before the first answer', async () => {
  const { counters, readings, scrape } = createFixture();
  readings.circuits = [
    [
      { slot: 0, state: 'open', typicalMs: 700, inFlight: 4 },
      { slot: 1, state: 'connecting', typicalMs: undefined, inFlight: 0 },
      // A circuit of another client.
      { slot: 0, state: 'closed', typicalMs: 1100, inFlight: 1 },
    ],
  ];
  counters.hedged(0, 1, 'sent');
  counters.hedged(0, 2, 'sent');
  counters.hedged(0, 1, 'won');
  counters.reconnected(1, 2, 'stalled');
  const series = await scrape();
  const ofOnion = (name: string, slot: number, first = '', between = ''): number | undefined =>
    series.get(`dns4tor_upstream_${name}{${first}slot="${slot}",${between}upstream="${ONION}"}`);
  assert.equal(ofOnion('estimate_seconds', 0), 0.9);
  assert.equal(ofOnion('estimate_seconds', 1), undefined);
  assert.equal(ofOnion('in_flight', 0), 5);
  assert.equal(ofOnion('circuits', 0, '', 'state="open",'), 1);
  assert.equal(ofOnion('circuits', 0, '', 'state="closed",'), 1);
  assert.equal(ofOnion('circuits', 1, '', 'state="connecting",'), 1);
  assert.equal(ofOnion('circuits', 2, '', 'state="open",'), 0);
  assert.equal(ofOnion('hedges_total', 1, 'event="sent",'), 1);
  assert.equal(ofOnion('hedges_total', 2, 'event="sent",'), 1);
  assert.equal(ofOnion('hedges_total', 1, 'event="won",'), 1);
  assert.equal(series.get(`dns4tor_upstream_reconnects_total{cause="stalled",slot="2",upstream="${OTHER}"}`), 1);
});

test('batches of datagrams, TCP connections and queries beyond the limits are counted', async () => {
  const { counters, scrape } = createFixture();
  for (const datagrams of [1, 2, 3, 128]) counters.udpBatch(datagrams);
  for (let opened = 0; opened < 3; opened++) counters.tcpOpened();
  counters.tcpClosed();
  counters.notAdmitted('client');
  const series = await scrape();
  assert.equal(series.get('dns4tor_udp_batch_datagrams_bucket{le="2"}'), 2);
  assert.equal(series.get('dns4tor_udp_batch_datagrams_bucket{le="128"}'), 4);
  assert.equal(series.get('dns4tor_udp_batch_datagrams_sum'), 134);
  assert.equal(series.get('dns4tor_tcp_connections_total'), 3);
  assert.equal(series.get('dns4tor_tcp_connections'), 2);
  assert.equal(series.get('dns4tor_not_admitted_total{reason="client"}'), 1);
  assert.equal(series.get('dns4tor_not_admitted_total{reason="all"}'), 0);
});

test('connects are counted by upstream and outcome', async () => {
  const { counters, readings, scrape } = createFixture();
  counters.connected(1, 'ERR_TLS_NAME');
  counters.connected(0, 'ok');
  readings.connections = [5, 1];
  readings.queueDepth = [0, 100];
  readings.alternatives = [0, 10];
  const series = await scrape();
  const upstream = (name: string, address: string, rest = ''): number | undefined =>
    series.get(`dns4tor_upstream_${name}{${rest}upstream="${address}"}`);
  assert.equal(upstream('connects_total', OTHER, 'outcome="tls_name",'), 1);
  assert.equal(upstream('connects_total', ONION, 'outcome="ok",'), 1);
  assert.equal(upstream('connections', ONION), 5);
  assert.equal(upstream('connections', OTHER), 1);
  assert.equal(upstream('queue_depth', ONION), 0);
  assert.equal(upstream('queue_depth', OTHER), 100);
  assert.equal(upstream('alternatives', OTHER), 10);
});

test('upstreams that share host and port are counted together, because equal series would break the scrape', async () => {
  const { counters, readings, scrape } = createFixture([ONION, OTHER, ONION]);
  counters.exchanged(0, CIRCUITS - 1, 'ok', 1_000);
  counters.exchanged(2, CIRCUITS - 1, 'ok', 1_000);
  counters.connected(2, 'ok');
  readings.connections = [1, 10, 100];
  const series = await scrape();
  assert.equal(series.get(`dns4tor_upstream_requests_total{outcome="ok",slot="2",upstream="${ONION}"}`), 2);
  assert.equal(series.get(`dns4tor_upstream_request_duration_seconds_count{slot="2",upstream="${ONION}"}`), 2);
  assert.equal(series.get(`dns4tor_upstream_connects_total{outcome="ok",upstream="${ONION}"}`), 1);
  assert.equal(series.get(`dns4tor_upstream_connections{upstream="${ONION}"}`), 101);
  assert.equal(series.get(`dns4tor_upstream_connections{upstream="${OTHER}"}`), 10);
});

test('reloads are counted by outcome', async () => {
  const { counters, scrape } = createFixture();
  counters.reloaded('success');
  counters.reloaded('failure');
  counters.reloaded('failure');
  const series = await scrape();
  assert.equal(series.get('dns4tor_config_reloads_total{outcome="success"}'), 1);
  assert.equal(series.get('dns4tor_config_reloads_total{outcome="failure"}'), 2);
});

test('NEWNYM signals are counted', async () => {
  const { counters, scrape } = createFixture();
  counters.newnym();
  assert.equal((await scrape()).get('dns4tor_tor_newnym_total'), 1);
});

test('the state of Tor is 1 for the current one and 0 for the others', async () => {
  const { readings, scrape } = createFixture();
  readings.tor = { state: 'bootstrapping', bootstrapPercent: 45 };
  const series = await scrape();
  const states = ['unknown', 'down', 'bootstrapping', 'up'].map((state) =>
    series.get(`dns4tor_tor_state{state="${state}"}`),
  );
  assert.deepEqual(states, [0, 0, 1, 0]);
  assert.equal(series.get('dns4tor_tor_bootstrap_percent'), 45);
});

test('the state of the system resolver is 1 for the current one and 0 for the others', async () => {
  const { readings, scrape } = createFixture();
  for (const current of SYSTEM_RESOLVER_STATES) {
    readings.systemResolver = current;
    const series = await scrape();
    for (const state of SYSTEM_RESOLVER_STATES) {
      assert.equal(series.get(`dns4tor_system_resolver{state="${state}"}`), state === current ? 1 : 0);
    }
  }
});

test('the expiry of the certificate is a time, absent without a certificate', async () => {
  const { readings, scrape } = createFixture();
  const name = 'dns4tor_certificate_expiry_timestamp_seconds';
  assert.equal((await scrape()).has(name), false);
  readings.certificateExpiry = 1_800_000_000;
  assert.equal((await scrape()).get(name), 1_800_000_000);
});

test("Tor's circuits are gauges by state, absent without a control port", async () => {
  const { readings, scrape } = createFixture();
  const names = CIRCUIT_STATES.map((state) => `dns4tor_tor_circuits{state="${state}"}`);
  assert.ok([...(await scrape()).keys()].every((name) => !names.includes(name)));
  const circuits = { launched: 1, guard_wait: 2, extended: 3, built: 4 };
  readings.tor = { state: 'up', bootstrapPercent: 100, circuits };
  const series = await scrape();
  assert.deepEqual(
    names.map((name) => series.get(name)),
    [1, 2, 3, 4],
  );
});

test('the versions and the default metrics of Node are exported, and no memory size is exact to the byte', async () => {
  const { scrape } = createFixture();
  const series = await scrape();
  assert.equal(series.get('dns4tor_build_info{node="v24.0.0",version="1.2.3"}'), 1);
  assert.equal(series.get('build_info{goversion="",revision="unknown",type="",version="1.2.3"}'), 1);
  assert.ok(series.get('process_resident_memory_bytes')! > 1e6);
  const memory = [...series].filter(([name]) => /^nodejs_.*_bytes/.test(name));
  assert.ok(memory.length > 5);
  for (const [name, bytes] of memory) assert.equal(bytes % 65_536, 0, name);
  assert.ok(series.has('process_cpu_seconds_total'));
  assert.ok(series.has('nodejs_eventloop_lag_seconds'));
  assert.ok(![...series.keys()].some((key) => key.startsWith('nodejs_eventloop_lag_p99')));
});

test('routes are counted by suffix and outcome, and their servers show whether they fail', async () => {
  const { readings, scrape } = createFixture();
  readings.routes = [
    {
      suffix: 'lan',
      servers: [
        { address: '192.168.1.1:53', failure: 'ERR_ROUTE_TIMEOUT' },
        { address: '192.168.1.2:53', failure: undefined },
      ],
      outcomes: new Map([
        ['ok', 3],
        ['route_timeout', 1],
      ]),
    },
  ];
  const series = await scrape();
  assert.equal(series.get('dns4tor_route_requests_total{outcome="ok",route="lan"}'), 3);
  assert.equal(series.get('dns4tor_route_requests_total{outcome="route_timeout",route="lan"}'), 1);
  assert.equal(series.get('dns4tor_route_server_failing{route="lan",server="192.168.1.1:53"}'), 1);
  assert.equal(series.get('dns4tor_route_server_failing{route="lan",server="192.168.1.2:53"}'), 0);
});
