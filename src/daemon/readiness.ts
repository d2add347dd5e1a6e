import { type Dns4torError, toDns4torError } from '../failures/errors.ts';
import { OF_THE_QUESTION } from '../failures/question-failures.ts';
import type { Readiness } from '../http/metrics-server.ts';
import { type Clock, delay } from '../lib/clock.ts';
import { Deadline } from '../lib/deadline.ts';
import { MS_PER_SECOND } from '../lib/units.ts';
import { PROBE_QUERY } from '../message/upstream-query.ts';
import { P99_RESPONSE_MS } from '../model/response-time.ts';
import type { Connectivity } from '../status/verdict.ts';
import type { ExchangeContext, Upstream } from '../upstream/upstream.ts';

/** Age up to which an answer is recent: one or two scrape intervals of Prometheus. */
const RECENT_MS = 60_000;

/** Pause between probes. */
const PAUSE_MS = 2000;

/**
 * Age up to which an answer is fresh enough for somebody who watches the status page: an outage that closes no
 * connection then shows within seconds.
 */
const WATCHED_MS = 1000;

/** If probes are further apart, the earlier one says nothing about the time in between. */
const FAR_APART_MS: number = 2 * P99_RESPONSE_MS;

/** What is known about the path to the resolvers beside the outcome of queries. */
interface PathToResolver {
  /** Why Tor is stuck. Undefined if it is not. */
  readonly trouble: () => Dns4torError | undefined;
  /** Whether no connection to any resolver is open. */
  readonly isCut: () => boolean;
}

const SOUND_PATH: PathToResolver = { trouble: () => undefined, isCut: () => false };

/**
 * Tracks whether answers arrive through Tor. A bound port proves nothing: only an answer counts, to a client's query or
 * to a probe. Probes are sent
 *
 * - at start, until one is answered;
 * - when the state is requested and the last answer is not recent;
 * - after a failure that may concern one question only (RFC 9520 §2), to learn whether other questions are answered.
 */
export class ReadinessMonitor implements Upstream {
  readonly address: string;
  readonly #clock: Clock;
  readonly #upstream: Upstream;
  readonly #path: PathToResolver;
  readonly #closing = new AbortController();
  #lastAnswerAt: number | undefined;
  #lastError: Dns4torError | undefined;
  #failuresInARow = 0;
  #probing: Promise<void> | undefined;
  #probedAt = -Infinity;
  /** Start of the first probe in the current series of unanswered probes. */
  #silentSince: number | undefined;

  /** @param upstream owned from here on */
  constructor(clock: Clock, upstream: Upstream, path: PathToResolver = SOUND_PATH) {
    this.#clock = clock;
    this.#upstream = upstream;
    this.#path = path;
    this.address = upstream.address;
  }

  async exchange(query: Uint8Array, context: ExchangeContext): Promise<Uint8Array> {
    const startedAt = this.#clock.now();
    try {
      // Without this, a client would wait until its deadline to learn less. Probes go on, so an answer ends it.
      const trouble = query === PROBE_QUERY ? undefined : this.#trouble;
      if (trouble !== undefined) throw trouble;
      const response = await this.#upstream.exchange(query, context);
      this.#lastAnswerAt = this.#clock.now();
      this.#failuresInARow = 0;
      this.#silentSince = undefined;
      return response;
    } catch (thrown) {
      const failure = toDns4torError(thrown);
      // An abandoned query says nothing about the resolver or the path to it.
      if (failure.code === 'ERR_GIVEN_UP') throw thrown;
      // Whatever failed, the trouble is why.
      const error = this.#trouble ?? failure;
      // Every resolver answers the probe's question, so a failed probe always counts.
      if (query !== PROBE_QUERY && OF_THE_QUESTION.has(error.code)) this.#askOther(startedAt);
      else {
        this.#lastError = error;
        this.#failuresInARow++;
      }
      throw error;
    }
  }

  /**
   * Handles the failure of a question sent at `sinceMs`. Unless another one was answered since, a probe shows whether
   * the path to the resolver is broken.
   */
  #askOther(sinceMs: number): void {
    const now = this.#clock.now();
    const isAnswered = this.#lastAnswerAt !== undefined && this.#lastAnswerAt >= sinceMs;
    if (!isAnswered && now - this.#probedAt >= PAUSE_MS && !this.#closing.signal.aborted) void this.#probe();
  }

  /**
   * Probes until the first answer, which also opens a connection before a client needs it. Resolves to false if a
   * shutdown comes first.
   */
  async firstAnswer(): Promise<boolean> {
    while (this.#lastAnswerAt === undefined && !this.#closing.signal.aborted) {
      await this.#probe();
      if (this.#lastAnswerAt === undefined) await delay(this.#clock, PAUSE_MS, this.#closing.signal);
    }
    return this.#lastAnswerAt !== undefined;
  }

  /** The current state, without a probe. */
  get connectivity(): Connectivity {
    return {
      lastAnswerSecondsAgo: this.#secondsSinceAnswer,
      failuresInARow: this.#failuresInARow,
      failure: this.#failuresInARow === 0 ? undefined : this.#lastError?.code,
      silentMs: this.#silentMs,
    };
  }

  /**
   * Starts a probe unless an answer has just arrived, at most every two seconds. Called for each view of the status
   * page, so that it shows an outage and its end even if no client sends queries.
   * @param isCut whether no connection is open. A recent answer then says nothing about the next.
   */
  refresh(isCut: boolean): void {
    const isSure = this.#answeredWithin(WATCHED_MS) && this.#failuresInARow === 0 && !isCut;
    if (!isSure && this.#clock.now() - this.#probedAt >= PAUSE_MS) void this.#probe();
  }

  /** Probes if no answer is recent. Settles within the time of one probe. */
  async check(): Promise<Omit<Readiness, 'state'>> {
    if (!this.#recent) await this.#probe();
    const lastAnswerSecondsAgo = this.#secondsSinceAnswer;
    return {
      ready: this.#recent,
      detail: this.#recent
        ? 'answers come through Tor'
        : (this.#lastError?.message ?? 'no answer has come through Tor yet'),
      ...(lastAnswerSecondsAgo === undefined ? {} : { lastAnswerSecondsAgo }),
    };
  }

  /** Why no query can reach a resolver. Undefined if one may. */
  get #trouble(): Dns4torError | undefined {
    return this.#path.isCut() ? this.#path.trouble() : undefined;
  }

  get #recent(): boolean {
    return this.#answeredWithin(RECENT_MS);
  }

  #answeredWithin(ms: number): boolean {
    return this.#lastAnswerAt !== undefined && this.#clock.now() - this.#lastAnswerAt < ms;
  }

  get #secondsSinceAnswer(): number | undefined {
    if (this.#lastAnswerAt === undefined) return undefined;
    return Math.floor((this.#clock.now() - this.#lastAnswerAt) / MS_PER_SECOND);
  }

  get #silentMs(): number {
    const now = this.#clock.now();
    if (this.#silentSince === undefined || now - this.#probedAt > FAR_APART_MS) return 0;
    return now - this.#silentSince;
  }

  /** Sends a probe, or joins the one in progress. Records the outcome and never rejects. */
  #probe(): Promise<void> {
    if (this.#probing !== undefined) return this.#probing;
    const now = this.#clock.now();
    if (this.#silentMs === 0) this.#silentSince = now;
    this.#probedAt = now;
    this.#probing = this.exchange(PROBE_QUERY, { deadline: Deadline.after(this.#clock, P99_RESPONSE_MS) })
      .then(
        () => {},
        () => {},
      )
      .finally(() => (this.#probing = undefined));
    return this.#probing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#upstream[Symbol.asyncDispose]();
  }
}
