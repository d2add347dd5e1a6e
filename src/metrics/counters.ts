import { FAILURES } from '../failures/failures.ts';
import { MS_PER_SECOND } from '../lib/units.ts';
import { RCODE, TYPE } from '../message/wire/tables.ts';
import { TRANSPORTS, type Transport } from '../model/query.ts';
import { TOR_SEVERITIES } from '../model/tor-status.ts';
import {
  BATCH_SIZES,
  EXCHANGE_SECONDS,
  MESSAGE_BYTES,
  QUERY_BLOCK_BYTES,
  QUERY_SECONDS,
  RESPONSE_BLOCK_BYTES,
} from './buckets.ts';
import { CounterTable } from './counter-table.ts';
import { Histogram } from './histogram.ts';
import {
  ADMISSION_REASONS,
  ANSWER_SOURCES,
  BLOCK_REASONS,
  DROP_REASONS,
  HEDGE_EVENTS,
  type Metrics,
  PREFETCH_EVENTS,
  RECONNECT_CAUSES,
  RELOAD_OUTCOMES,
  STALE_REASONS,
} from './metrics.ts';

/** Label value for codes without a name, so that clients cannot add series by asking strange questions. */
const OTHER = 'other';
const TYPE_LABELS = [...Object.keys(TYPE), OTHER];
const RCODE_LABELS = [...Object.keys(RCODE), OTHER];
const FAILURE_LABELS = [...new Set(Object.values(FAILURES).map(({ label }) => label))];
const OUTCOME_LABELS = ['ok', ...FAILURE_LABELS];
/** Sizes of the lookup tables below. The highest named type is 257, the highest RCODE 23. */
const MAX_TYPES = 512;
const MAX_RCODES = 64;
const TYPE_SLOTS = slotsOf(TYPE, MAX_TYPES);
const RCODE_SLOTS = slotsOf(RCODE, MAX_RCODES);
const TRANSPORT_SLOTS: Readonly<Record<Transport, number>> = { udp: 0, tcp: 1, dot: 2, doh: 3 };

/** The counters and histograms behind {@link Counters}. */
export interface Totals {
  /** By proto, family (IANA's address family numbers: "1" is IPv4, "2" is IPv6) and type. */
  readonly requests: CounterTable;
  /** By rcode and plugin, which is the step that answered. */
  readonly responses: CounterTable;
  readonly querySeconds: Histogram;
  /** Sizes rounded up to multiples of {@link QUERY_BLOCK_BYTES} and {@link RESPONSE_BLOCK_BYTES}. */
  readonly queryBytes: Readonly<Record<Transport, Histogram>>;
  readonly responseBytes: Readonly<Record<Transport, Histogram>>;
  /** By type: success or denial. */
  readonly cacheHits: CounterTable;
  readonly cacheMisses: CounterTable;
  /** By type: success or denial. */
  readonly cacheEvictions: CounterTable;
  /** By reason. */
  readonly failures: CounterTable;
  /** By reason. */
  readonly notAdmitted: CounterTable;
  /** By reason. */
  readonly blocked: CounterTable;
  /** By reason. */
  readonly drops: CounterTable;
  readonly udpBatches: Histogram;
  /** By event: opened or closed. */
  readonly tcpConnections: CounterTable;
  readonly coalesced: CounterTable;
  /** By reason. */
  readonly stale: CounterTable;
  /** By upstream, slot and outcome. */
  readonly exchanges: CounterTable;
  /** By upstream and outcome. */
  readonly connects: CounterTable;
  /** By upstream, slot and cause. */
  readonly reconnects: CounterTable;
  /** By upstream, slot and event. */
  readonly hedges: CounterTable;
  /** By event. */
  readonly prefetches: CounterTable;
  readonly newnyms: CounterTable;
  /** By outcome. */
  readonly reloads: CounterTable;
  /** By severity. */
  readonly torLogLines: CounterTable;
  /** Durations of successful exchanges, by index of {@link Counters.upstreams} and slot. */
  readonly exchangeSeconds: readonly (readonly Histogram[])[];
}

/** Counts the reported events for the metrics and the status. */
export interface Counters extends Metrics {
  /** The distinct labels of the upstreams. */
  readonly upstreams: readonly string[];
  /** For each upstream in the configured order, its index in {@link upstreams}. */
  readonly upstreamIndexes: readonly number[];
  /** Labels of the circuit slots of an upstream. */
  readonly slots: readonly string[];
  readonly totals: Totals;
}

/**
 * Creates the counters. They are typed arrays: counting an answer takes about 30 ns and creates no garbage.
 * @param labels host:port of each upstream, in the configured order. Equal labels (two paths of one host) are counted
 *   together, because Prometheus rejects two series with the same labels.
 * @param circuits number of circuits per upstream
 */
export function createCounters(labels: readonly string[], circuits: number): Counters {
  const upstreams = [...new Set(labels)];
  const upstreamIndexes = labels.map((label) => upstreams.indexOf(label));
  const slots = Array.from({ length: circuits }, (_, slot) => String(slot));
  const bySlot = { upstream: upstreams, slot: slots };
  const failureSlots = new Map<string, number>();
  const outcomeSlots = new Map<string, number>([['ok', 0]]);
  for (const [code, { label }] of Object.entries(FAILURES)) {
    failureSlots.set(code, FAILURE_LABELS.indexOf(label));
    outcomeSlots.set(code, OUTCOME_LABELS.indexOf(label));
  }
  const totals: Totals = {
    requests: new CounterTable({ proto: TRANSPORTS, family: ['1', '2'], type: TYPE_LABELS }),
    responses: new CounterTable({ rcode: RCODE_LABELS, plugin: ANSWER_SOURCES }),
    querySeconds: new Histogram(QUERY_SECONDS),
    queryBytes: sizesByTransport(),
    responseBytes: sizesByTransport(),
    cacheHits: new CounterTable({ type: ['success', 'denial'] }),
    cacheMisses: new CounterTable({}),
    cacheEvictions: new CounterTable({ type: ['success', 'denial'] }),
    failures: new CounterTable({ reason: FAILURE_LABELS }),
    notAdmitted: new CounterTable({ reason: ADMISSION_REASONS }),
    blocked: new CounterTable({ reason: BLOCK_REASONS }),
    drops: new CounterTable({ reason: DROP_REASONS }),
    udpBatches: new Histogram(BATCH_SIZES),
    tcpConnections: new CounterTable({ event: ['opened', 'closed'] }),
    coalesced: new CounterTable({}),
    stale: new CounterTable({ reason: STALE_REASONS }),
    exchanges: new CounterTable({ ...bySlot, outcome: OUTCOME_LABELS }),
    connects: new CounterTable({ upstream: upstreams, outcome: OUTCOME_LABELS }),
    reconnects: new CounterTable({ ...bySlot, cause: RECONNECT_CAUSES }),
    hedges: new CounterTable({ ...bySlot, event: HEDGE_EVENTS }),
    prefetches: new CounterTable({ event: PREFETCH_EVENTS }),
    newnyms: new CounterTable({}),
    reloads: new CounterTable({ outcome: RELOAD_OUTCOMES }),
    torLogLines: new CounterTable({ severity: TOR_SEVERITIES }),
    exchangeSeconds: upstreams.map(() => slots.map(() => new Histogram(EXCHANGE_SECONDS))),
  };
  return {
    upstreams,
    upstreamIndexes,
    slots,
    totals,
    answered(transport, family, qtype, rcode, source, queryBytes, responseBytes, durationMs) {
      const typeSlot = qtype >= 0 && qtype < MAX_TYPES ? TYPE_SLOTS[qtype]! : TYPE_LABELS.length - 1;
      const rcodeSlot = rcode >= 0 && rcode < MAX_RCODES ? RCODE_SLOTS[rcode]! : RCODE_LABELS.length - 1;
      totals.requests.increment(TRANSPORT_SLOTS[transport], family === 4 ? 0 : 1, typeSlot);
      totals.responses.increment(rcodeSlot, ANSWER_SOURCES.indexOf(source));
      totals.queryBytes[transport].observe(wholeBlocks(queryBytes, QUERY_BLOCK_BYTES));
      totals.responseBytes[transport].observe(wholeBlocks(responseBytes, RESPONSE_BLOCK_BYTES));
      totals.querySeconds.observe(durationMs / MS_PER_SECOND);
    },
    cacheHit: (denial) => totals.cacheHits.increment(denial ? 1 : 0),
    cacheMiss: () => totals.cacheMisses.increment(),
    cacheEvicted: (denial) => totals.cacheEvictions.increment(denial ? 1 : 0),
    failed: (code) => totals.failures.increment(failureSlots.get(code)),
    notAdmitted: (reason) => totals.notAdmitted.increment(ADMISSION_REASONS.indexOf(reason)),
    blocked: (reason) => totals.blocked.increment(BLOCK_REASONS.indexOf(reason)),
    dropped: (reason) => totals.drops.increment(DROP_REASONS.indexOf(reason)),
    udpBatch: (datagrams) => totals.udpBatches.observe(datagrams),
    tcpOpened: () => totals.tcpConnections.increment(0),
    tcpClosed: () => totals.tcpConnections.increment(1),
    coalesced: () => totals.coalesced.increment(),
    servedStale: (reason) => totals.stale.increment(STALE_REASONS.indexOf(reason)),
    exchanged(upstream, slot, outcome, durationMs) {
      const index = upstreamIndexes[upstream]!;
      totals.exchanges.increment(index, slot, outcomeSlots.get(outcome));
      // An immediate refusal does not show how fast the upstream is. In an outage it would halve the median.
      if (outcome === 'ok') totals.exchangeSeconds[index]![slot]!.observe(durationMs / MS_PER_SECOND);
    },
    hedged: (upstream, slot, event) =>
      totals.hedges.increment(upstreamIndexes[upstream], slot, HEDGE_EVENTS.indexOf(event)),
    prefetched: (event) => totals.prefetches.increment(PREFETCH_EVENTS.indexOf(event)),
    connected: (upstream, outcome) => totals.connects.increment(upstreamIndexes[upstream], outcomeSlots.get(outcome)),
    reconnected: (upstream, slot, cause) =>
      totals.reconnects.increment(upstreamIndexes[upstream], slot, RECONNECT_CAUSES.indexOf(cause)),
    reloaded: (outcome) => totals.reloads.increment(RELOAD_OUTCOMES.indexOf(outcome)),
    newnym: () => totals.newnyms.increment(),
    torLogged: (severity) => totals.torLogLines.increment(TOR_SEVERITIES.indexOf(severity)),
  };
}

/**
 * Rounds a size up to whole blocks. With exact sizes, the sum of a histogram would reveal the length of a name to
 * anyone who reads the metrics before and after a query.
 */
function wholeBlocks(bytes: number, blockBytes: number): number {
  return Math.ceil(bytes / blockBytes) * blockBytes;
}

function sizesByTransport(): Readonly<Record<Transport, Histogram>> {
  const sizes = (): Histogram => new Histogram(MESSAGE_BYTES);
  return { udp: sizes(), tcp: sizes(), dot: sizes(), doh: sizes() };
}

/** Maps each code to the position of its name in the table, and codes without a name to the position after the last. */
function slotsOf(table: Readonly<Record<string, number>>, size: number): Uint8Array {
  const codes = Object.values(table);
  const bySlot = new Uint8Array(size).fill(codes.length);
  for (const [slot, code] of codes.entries()) bySlot[code] = slot;
  return bySlot;
}
