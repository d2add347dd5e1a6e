import { HEADER_BYTES } from '../../src/message/wire/header.ts';
import { octetString } from '../../src/message/wire/name.ts';
import { createQueryScanner } from '../../src/message/wire/scan-query.ts';
import type { Query } from '../../src/model/query.ts';
import type { ExchangeContext, Upstream } from '../../src/upstream/upstream.ts';

/** What a client gets from a pipeline, now or later. */
export type Answerer = (query: Query) => Uint8Array | Promise<Uint8Array>;

/** Why the resolver was asked last: because a client waited, or ahead of need. */
type Cause = 'client' | 'refresh';

/**
 * Stands on both sides of a pipeline, and so can tell which of the answers in its cache were fetched ahead of need: their questions went
 * upstream while nobody waited for them.
 */
export class RefreshWatch implements Upstream {
  readonly address: string;
  readonly #upstream: Upstream;
  readonly #scan = createQueryScanner();
  readonly #causes = new Map<string, Cause>();
  /** How many clients wait for an answer to each question. */
  readonly #waiting = new Map<string, number>();

  /** @param upstream owned from here on */
  constructor(upstream: Upstream) {
    this.address = upstream.address;
    this.#upstream = upstream;
  }

  /** The pipeline's upstream. */
  async exchange(query: Uint8Array, context: ExchangeContext): Promise<Uint8Array> {
    const key = questionOf(query, this.#scan(query).questionEnd);
    const response = this.#upstream.exchange(query, context);
    // Whether the client that has just asked is to wait is known when the pipeline has returned.
    await Promise.resolve();
    const cause = this.#waiting.has(key) ? 'client' : 'refresh';
    const bytes = await response;
    this.#causes.set(key, cause);
    return bytes;
  }

  /** The pipeline's clients. */
  ask(handle: Answerer, query: Query): ReturnType<Answerer> {
    const reply = handle(query);
    if (reply instanceof Promise) void this.#wait(query, reply);
    return reply;
  }

  /** Whether what the cache has for this question came ahead of need. */
  wasRefreshed(query: Query): boolean {
    return this.#causes.get(questionOf(query.wire, query.scan.questionEnd)) === 'refresh';
  }

  async #wait(query: Query, reply: Promise<Uint8Array>): Promise<void> {
    const key = questionOf(query.wire, query.scan.questionEnd);
    this.#waiting.set(key, (this.#waiting.get(key) ?? 0) + 1);
    await reply;
    const left = (this.#waiting.get(key) as number) - 1;
    if (left > 0) this.#waiting.set(key, left);
    else this.#waiting.delete(key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#upstream[Symbol.asyncDispose]();
  }
}

function questionOf(wire: Uint8Array, questionEnd: number): string {
  return octetString(wire.subarray(HEADER_BYTES, questionEnd));
}
