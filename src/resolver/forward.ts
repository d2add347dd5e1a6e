import type { Cache } from '../cache/cache.ts';
import type { Clock } from '../lib/clock.ts';
import { Deadline } from '../lib/deadline.ts';
import { type Answer, parseAnswer } from '../message/answer.ts';
import { FLAG, flagsOf, HEADER_BYTES } from '../message/header.ts';
import { buildUpstreamQuery } from '../message/upstream-query.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { Pending } from './pending.ts';
import type { Query } from './query.ts';

export interface ForwarderComponents {
  readonly cache: Cache;
  readonly upstream: Upstream;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** Asks upstream what neither policy nor cache can answer, once for all that ask the same, and keeps the answer. */
export class Forwarder {
  readonly #components: ForwarderComponents;
  readonly #timeoutMs: number;
  readonly #pending = new Pending<Answer>();

  /** @param timeoutMs how long a client is let wait, from the arrival of its query */
  constructor(components: ForwarderComponents, timeoutMs: number) {
    this.#components = components;
    this.#timeoutMs = timeoutMs;
  }

  /** Rejects with a Dns4torError, at the latest when the client's deadline has passed. */
  ask(query: Query): Promise<Answer> {
    const deadline = new Deadline(this.#components.clock, query.arrivedAt + this.#timeoutMs);
    const wire = buildUpstreamQuery(
      query.wire.subarray(HEADER_BYTES, query.scan.questionEnd),
      query.scan.dnssecOk,
      (flagsOf(query.wire) & FLAG.CD) !== 0,
    );
    // What is sent says all that the answer depends on, and is the same bytes for the same question; latin1 keeps each octet.
    const key = Buffer.from(wire.buffer, wire.byteOffset, wire.length).toString('latin1');
    const underWay = this.#pending.get(key);
    if (underWay === undefined) return this.#pending.start(key, () => this.#exchange(query, wire, deadline));
    // Whoever joins came later and so has the later deadline: the flight ends before it.
    this.#components.metrics.coalesced();
    return underWay;
  }

  async #exchange(query: Query, wire: Uint8Array, deadline: Deadline): Promise<Answer> {
    const answer = parseAnswer(await this.#components.upstream.exchange(wire, deadline));
    this.#components.cache.insert(query, answer);
    return answer;
  }
}
