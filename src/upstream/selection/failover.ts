import type { Clock, Timer } from '../../lib/clock.ts';
import type { Random } from '../../lib/random.ts';
import { PROBE_QUERY } from '../../message/upstream-query.ts';
import { HealthCheckedUpstream, type HealthEvents, type CountedUpstream } from './health-checked-upstream.ts';
import type { RetryBudget } from '../pool/retry-budget.ts';
import { RendezvousHash } from './rendezvous-hash.ts';
import type { AnswerPath, ExchangeContext, Upstream } from '../upstream.ts';

/** dig and glibc give up after five seconds. By then each upstream has had its share. */
const CLIENT_PATIENCE_MS = 5000;

/** The median over an onion. A shorter share would send every other query to two resolvers. */
const MIN_SHARE_MS = 1500;

export interface FailoverComponents {
  readonly clock: Clock;
  readonly random: Random;
  /** Pays for asking the next upstream while the one before it answers other queries. */
  readonly budget: RetryBudget;
  /** Absent: nothing is reported. */
  readonly createEvents?: (upstream: Upstream) => HealthEvents;
}

export interface FailoverInit {
  /** How long a client waits for an answer, in milliseconds. A deadline beyond that serves only the cache. */
  readonly awaitedMs: number;
  /**
   * Time in which all upstreams are asked, in milliseconds.
   * @default 5000, when dig and glibc give up
   */
  readonly patienceMs?: number;
  /**
   * Whether each registered domain has an order of its own, drawn by chance, so that no resolver sees all of them.
   * @default false
   */
  readonly sharded?: boolean;
}

/**
 * Several upstreams, asked in order until one answers. The next one is asked as soon as those before it have failed, or
 * when the share of the time of the one before it is over. That one goes on: the first answer wins, and a slow resolver
 * is not given up for a dead one. An upstream that accepts connections but answers nothing is asked last, until it
 * answers a probe.
 */
export class FailoverUpstream implements Upstream {
  readonly address: string;
  readonly #components: FailoverComponents;
  readonly #watched: readonly HealthCheckedUpstream[];
  readonly #init: { readonly awaitedMs: number; readonly patienceMs: number };
  /** Undefined where all queries have the same order. */
  readonly #shards: RendezvousHash | undefined;

  /** @param upstreams at least one; owned from here on */
  constructor(components: FailoverComponents, upstreams: readonly CountedUpstream[], init: FailoverInit) {
    const { clock, random, createEvents } = components;
    this.#components = components;
    this.#watched = upstreams.map(
      (upstream) => new HealthCheckedUpstream({ clock, random, events: createEvents?.(upstream) }, upstream),
    );
    this.#init = { awaitedMs: init.awaitedMs, patienceMs: init.patienceMs ?? CLIENT_PATIENCE_MS };
    this.#shards = init.sharded === true ? new RendezvousHash(random, upstreams.length) : undefined;
    this.address = upstreams.map(({ address }) => address).join(', ');
  }

  /** Rejects with the error of the upstream that failed last. */
  exchange(query: Uint8Array, context: ExchangeContext): Promise<Uint8Array> {
    const watched = this.#watched;
    const [first] = watched as [HealthCheckedUpstream];
    if (watched.length === 1) return first.upstream.exchange(query, context);
    if (this.#shards !== undefined && query === PROBE_QUERY) return this.#probeAll(context);
    for (const resolver of watched) resolver.probeIfDue();
    const inTurn = this.#shards?.order(query).map((index) => watched[index] as HealthCheckedUpstream) ?? watched;
    const inOrder = [...inTurn.filter(({ isDown }) => !isDown), ...inTurn.filter(({ isDown }) => isDown)];
    return this.#race(inOrder, query, context);
  }

  /** Every shard is to have a connection before a client needs it; the service works if any of them answers. */
  async #probeAll({ deadline, onAnswer }: ExchangeContext): Promise<Uint8Array> {
    let lastError: unknown;
    const probes = this.#watched.map(async (resolver) => {
      let path: AnswerPath | undefined;
      try {
        const response = await resolver.exchange(PROBE_QUERY, { deadline, onAnswer: (how) => (path = how) });
        return { response, path };
      } catch (error) {
        lastError = error;
        throw error;
      }
    });
    const { response, path } = await Promise.any(probes).catch(() => {
      throw lastError;
    });
    if (path !== undefined) onAnswer?.(path);
    return response;
  }

  #race(watched: readonly HealthCheckedUpstream[], query: Uint8Array, context: ExchangeContext): Promise<Uint8Array> {
    const { deadline, onAnswer } = context;
    const { clock, budget } = this.#components;
    const awaited = deadline.within(this.#init.awaitedMs);
    const patience = awaited.within(this.#init.patienceMs);
    return new Promise((resolve, reject) => {
      let asked = 0;
      let running = 0;
      let settled = false;
      let timer: Timer | undefined;
      const settle = (tell: () => void): void => {
        settled = true;
        timer?.cancel();
        tell();
      };
      const askNext = (): void => {
        timer?.cancel();
        const left = watched.length - asked;
        const resolver = watched[asked++] as HealthCheckedUpstream;
        const sentAtMs = clock.now();
        const isSecondTry = running++ > 0;
        const place = asked;
        let path: AnswerPath | undefined;
        if (left > 1) {
          const shareMs = Math.max(patience.remainingMs / left, Math.min(MIN_SHARE_MS, awaited.remainingMs / left));
          const longestMs = Math.max(shareMs, awaited.remainingMs / left);
          timer = clock.schedule(shareMs, () => {
            if (deadline.expired) return;
            resolver.unanswered(sentAtMs);
            const isAlive = resolver.hasAnsweredSince(sentAtMs);
            // With shards, another resolver must not learn the name only because this answer is late.
            if (isAlive && this.#shards !== undefined) return;
            // Asking another resolver beside one that answers is paid for like any second try.
            if (!isAlive || budget.spend()) askNext();
            else timer = clock.schedule(longestMs - shareMs, askNext);
          });
        }
        resolver.exchange(query, { ...context, onAnswer: (how) => (path = how) }).then(
          (response) => {
            // An answer that comes later says only that the upstream is not down.
            if (settled) return;
            settle(() => {
              if (path !== undefined) onAnswer?.(isSecondTry ? { ...path, secondTry: true } : path);
              resolve(response);
            });
          },
          (error: unknown) => {
            running--;
            if (settled) return;
            // An abandoned query needs no answer from the other upstreams either.
            if (deadline.isGivenUp) return settle(() => reject(error));
            if (left === 1 && deadline.expired) resolver.unanswered(sentAtMs);
            if (place === asked && left > 1 && !deadline.expired) askNext();
            else if (running === 0) settle(() => reject(error));
          },
        );
      };
      askNext();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#watched.map(({ upstream }) => upstream[Symbol.asyncDispose]()));
  }
}
