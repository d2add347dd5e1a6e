import { Cache } from '../../src/cache/cache.ts';
import type { Deadline } from '../../src/lib/deadline.ts';
import { EDNS_OPTION } from '../../src/message/wire/edns.ts';
import { type Counters, createCounters } from '../../src/metrics/counters.ts';
import type { Query } from '../../src/model/query.ts';
import type { Policy } from '../../src/policy/policy.ts';
import type { ForwarderComponents } from '../../src/resolver/forward.ts';
import { createPipeline, type PipelineInit } from '../../src/resolver/pipeline.ts';
import { RetryBudget } from '../../src/upstream/pool/retry-budget.ts';
import type { ExchangeContext, Upstream } from '../../src/upstream/upstream.ts';
import { addressRecord, ask, buildResponse, decodeReply, type QuerySpec } from '../fixtures/dns/messages.ts';
import { handleWith } from '../fixtures/dns/replies.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';
import { PLAIN_POLICY } from '../fixtures/policies.ts';

export const TIMEOUT_MS = 10_000;

export const MAX_STALE_MS = 86_400_000;

export const LIMITS: PipelineInit = {
  timeoutMs: TIMEOUT_MS,
  prefetch: true,
  maxInFlight: 100,
  maxInFlightPerClient: 50,
};

/** A test double for an upstream: records the exchanges and answers with `answer`. */
export class UpstreamDouble implements Upstream {
  readonly address = 'https://double.test/dns-query';
  readonly queries: Uint8Array[] = [];
  readonly deadlines: Deadline[] = [];
  readonly clients: (string | undefined)[] = [];
  answer: (query: Uint8Array, onAnswer: ExchangeContext['onAnswer']) => Promise<Uint8Array>;

  constructor(answer: (query: Uint8Array) => Promise<Uint8Array> = async (query) => answerTo(query)) {
    this.answer = answer;
  }

  exchange(query: Uint8Array, { deadline, client, onAnswer }: ExchangeContext): Promise<Uint8Array> {
    this.queries.push(query);
    this.deadlines.push(deadline);
    this.clients.push(client);
    return deadline.limit(this.answer(query, onAnswer));
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** A response with one A record for QNAME, TTL 300, and AD, as from a validating resolver. */
export function answerTo(query: Uint8Array): Uint8Array {
  const { name = '', type = 'A' } = decodeReply(query).questions?.[0] ?? {};
  return buildResponse({ name, type, flags: 0x0020, answers: [addressRecord(name, 300)] });
}

export interface Resolver {
  readonly clock: ManualClock;
  readonly counters: Counters;
  readonly cache: Cache;
  /** Handles a query that arrives now. */
  readonly ask: (spec: QuerySpec, transport?: Query['transport']) => Uint8Array | Promise<Uint8Array>;
  /** Handles a query as a listener passes it. */
  readonly handle: (query: Query) => Uint8Array | Promise<Uint8Array>;
}

export interface ResolverOptions {
  readonly clock?: ManualClock;
  readonly counters?: Counters;
  readonly cache?: Cache;
  /** @default no client isolation */
  readonly clientOf?: ForwarderComponents['clientOf'];
  /** @default no query is routed */
  readonly isRouted?: ForwarderComponents['isRouted'];
  readonly budget?: RetryBudget;
  /** @default {@link PLAIN_POLICY} */
  readonly policy?: Policy;
  /** Overrides {@link LIMITS}. */
  readonly init?: Partial<PipelineInit>;
}

/** The pipeline with a real cache and a manual clock. */
export function createResolver(upstream: Upstream, options: ResolverOptions = {}): Resolver {
  const { clock = new ManualClock(), counters = createCounters(['double.test:443'], 1) } = options;
  const random = { fraction: () => 0.5, bytes: (length: number) => new Uint8Array(length) };
  const cache =
    options.cache ?? new Cache({ clock, random, metrics: counters }, { maxBytes: 1 << 20, maxStaleMs: MAX_STALE_MS });
  const isolation = options.clientOf === undefined ? {} : { clientOf: options.clientOf };
  const routing = options.isRouted === undefined ? {} : { isRouted: options.isRouted };
  const { budget = new RetryBudget(), policy = PLAIN_POLICY } = options;
  const handler = createPipeline(
    { cache, upstream, clock, metrics: counters, policy: () => policy, budget, ...isolation, ...routing },
    { ...LIMITS, ...options.init },
  );
  const handle = (query: Query): Uint8Array | Promise<Uint8Array> => handleWith(handler, query);
  return {
    clock,
    counters,
    cache,
    ask: (spec, transport) => handle({ ...ask(spec, transport), arrivedAt: clock.now() }),
    handle,
  };
}

/** Counted responses by RCODE and step. */
export function responses(counters: Counters): Record<string, number> {
  const counted = counters.totals.responses.entries().filter(({ count }) => count > 0);
  return Object.fromEntries(counted.map(({ labels, count }) => [`${labels['rcode']} ${labels['plugin']}`, count]));
}

/** Number of replies by failure reason. */
export function failures(counters: Counters): Record<string, number> {
  const counted = counters.totals.failures.entries().filter(({ count }) => count > 0);
  return Object.fromEntries(counted.map(({ labels, count }) => [labels['reason'] ?? '', count]));
}

/** The EDE option of a reply (RFC 8914 §2), if any. */
export function extendedErrorOf(reply: Uint8Array): { readonly code: number; readonly text: string } | undefined {
  for (const record of decodeReply(reply).additionals ?? []) {
    if (record.type !== 'OPT') continue;
    const data = record.options.find(({ code }) => (code as number) === EDNS_OPTION.extendedError)?.data;
    if (data !== undefined) return { code: data.readUInt16BE(0), text: data.subarray(2).toString() };
  }
  return undefined;
}
