import type { Clock, Timer } from '../../lib/clock.ts';
import type { Random } from '../../lib/random.ts';
import { PROBE_QUERY } from '../../message/upstream-query.ts';
import type { RetryBudget } from '../pool/retry-budget.ts';
import type { AnswerPath, ExchangeContext, Upstream } from '../upstream.ts';
import { type FailoverMember, HealthCheckedUpstream, type HealthEvents } from './health-checked-upstream.ts';
import { RendezvousHash } from './rendezvous-hash.ts';

/** Default time in which a query reaches every upstream. dig and glibc give up after five seconds. */
const CLIENT_PATIENCE_MS = 5000;

/** Median response time over an onion service. A shorter share would send every other query to two resolvers. */
const MIN_SHARE_MS = 1500;

interface FailoverComponents {
  readonly clock: Clock;
  readonly random: Random;
  /** Pays for sending a query to the next upstream while the current one answers other queries. */
  readonly budget: RetryBudget;
  /** Absent: changes of health are not reported. */
  readonly createEvents?: (upstream: Upstream) => HealthEvents;
}

interface FailoverInit {
  /**
   * How long a client waits for an answer, in milliseconds. A later answer only fills the cache. Read for each query.
   */
  readonly awaitedMs: number;
  /**
   * Time in which a query reaches every upstream if none answers, in milliseconds.
   * @default 5000, after which dig and glibc give up
   */
  readonly patienceMs?: number;
  /**
   * Whether each registered domain has its own random order of upstreams, so that no resolver sees all domains.
   * @default false
   */
  readonly sharded?: boolean;
}

/**
 * Several upstreams, tried in order until one answers. The next one is tried when the current one has failed or its
 * share of time is over. Earlier exchanges continue and the first answer wins, so that a slow resolver is not given up
 * for a dead one. An upstream that accepts connections but answers nothing is tried last, until it answers a probe. If
 * domains are sharded, an upstream that answers other queries keeps its domains, however slow it is.
 */
export class FailoverUpstream implements Upstream {
  readonly address: string;
  readonly #components: FailoverComponents;
  readonly #members: readonly HealthCheckedUpstream[];
  readonly #init: FailoverInit;
  /** Undefined if all queries have the same order. */
  readonly #hash: RendezvousHash | undefined;

  /** @param upstreams at least one; owned by the new object */
  constructor(components: FailoverComponents, upstreams: readonly FailoverMember[], init: FailoverInit) {
    const { clock, random, createEvents } = components;
    this.#components = components;
    this.#members = upstreams.map(
      (upstream) => new HealthCheckedUpstream({ clock, random, events: createEvents?.(upstream) }, upstream),
    );
    this.#init = init;
    this.#hash = init.sharded === true ? new RendezvousHash(random, upstreams.length) : undefined;
    this.address = upstreams.map(({ address }) => address).join(', ');
  }

  /** Rejects with the error of the upstream that failed last. */
  exchange(query: Uint8Array, context: ExchangeContext): Promise<Uint8Array> {
    const members = this.#members;
    const [first] = members as [HealthCheckedUpstream];
    if (members.length === 1) return first.upstream.exchange(query, context);
    if (this.#hash !== undefined && query === PROBE_QUERY) return this.#probeAll(context);
    for (const member of members) member.probeIfDue();
    const preferred = this.#hash?.order(query).map((index) => members[index] as HealthCheckedUpstream) ?? members;
    const inOrder = [...preferred.filter(({ isDown }) => !isDown), ...preferred.filter(({ isDown }) => isDown)];
    return this.#tryInOrder(inOrder, query, context);
  }

  /** Probes all upstreams, so that each has a connection before a client needs it. One answer is enough. */
  async #probeAll({ deadline, onAnswer }: ExchangeContext): Promise<Uint8Array> {
    let lastError: unknown;
    const probes = this.#members.map(async (member) => {
      let path: AnswerPath | undefined;
      try {
        const response = await member.exchange(PROBE_QUERY, { deadline, onAnswer: (how) => (path = how) });
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

  /** Sends the query to one member after the other, as described for the class. */
  #tryInOrder(
    members: readonly HealthCheckedUpstream[],
    query: Uint8Array,
    context: ExchangeContext,
  ): Promise<Uint8Array> {
    const { deadline, onAnswer } = context;
    const { clock, budget } = this.#components;
    const awaited = deadline.within(this.#init.awaitedMs);
    const patience = awaited.within(this.#init.patienceMs ?? CLIENT_PATIENCE_MS);
    return new Promise((resolve, reject) => {
      let tried = 0;
      let running = 0;
      let settled = false;
      let timer: Timer | undefined;
      const settle = (report: () => void): void => {
        settled = true;
        timer?.cancel();
        report();
      };
      const tryNext = (): void => {
        timer?.cancel();
        const left = members.length - tried;
        const member = members[tried++] as HealthCheckedUpstream;
        const sentAtMs = clock.now();
        const isSecondTry = running++ > 0;
        const position = tried;
        let path: AnswerPath | undefined;
        if (left > 1) {
          const shareMs = Math.max(patience.remainingMs / left, Math.min(MIN_SHARE_MS, awaited.remainingMs / left));
          const longestMs = Math.max(shareMs, awaited.remainingMs / left);
          timer = clock.schedule(shareMs, () => {
            if (deadline.expired) return;
            member.recordTimeout(sentAtMs);
            const isAlive = member.hasAnsweredSince(sentAtMs);
            // If domains are sharded, another resolver must not learn the name only because this answer is late.
            if (isAlive && this.#hash !== undefined) return;
            // A second resolver beside one that answers costs budget, like any second try.
            if (!isAlive || budget.spend()) tryNext();
            else timer = clock.schedule(longestMs - shareMs, tryNext);
          });
        }
        member.exchange(query, { ...context, onAnswer: (how) => (path = how) }).then(
          (response) => {
            // A later answer only shows that the upstream is not down.
            if (settled) return;
            settle(() => {
              if (path !== undefined) onAnswer?.(isSecondTry ? { ...path, secondTry: true } : path);
              resolve(response);
            });
          },
          (error: unknown) => {
            running--;
            if (settled) return;
            // An abandoned query needs no other upstream.
            if (deadline.isGivenUp) return settle(() => reject(error));
            if (left === 1 && deadline.expired) member.recordTimeout(sentAtMs);
            if (position === tried && left > 1 && !deadline.expired) tryNext();
            else if (running === 0) settle(() => reject(error));
          },
        );
      };
      tryNext();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#members.map(({ upstream }) => upstream[Symbol.asyncDispose]()));
  }
}
