import { HEADER_BYTES } from '../../src/message/wire/header.ts';
import { octetString } from '../../src/message/wire/name.ts';
import { createQueryScanner } from '../../src/message/wire/scan-query.ts';
import type { Query } from '../../src/model/query.ts';
import type { ExchangeContext, Upstream } from '../../src/upstream/upstream.ts';

/** A pipeline's handler: returns the reply, or a promise of it. */
export type Answerer = (query: Query) => Uint8Array | Promise<Uint8Array>;

/** Why the last upstream query was sent: for a waiting client, or as a prefetch. */
type Cause = 'client' | 'refresh';

/**
 * Wraps a pipeline's handler and its upstream, to tell which cached answers come from a prefetch: their upstream
 * queries were sent while no client waited.
 */
export class RefreshWatch implements Upstream {
  readonly address: string;
  readonly #upstream: Upstream;
  readonly #scan = createQueryScanner();
  readonly #causes = new Map<string, Cause>();
  /** Waiting clients by question. */
  readonly #waiting = new Map<string, number>();

  /** @param upstream disposed together with this */
  constructor(upstream: Upstream) {
    this.address = upstream.address;
    this.#upstream = upstream;
  }

  /** The pipeline's upstream. */
  async exchange(query: Uint8Array, context: ExchangeContext): Promise<Uint8Array> {
    const key = questionOf(query, this.#scan(query).questionEnd);
    const response = this.#upstream.exchange(query, context);
    // Only after the pipeline has returned is it known whether the client has to wait.
    await Promise.resolve();
    const cause = this.#waiting.has(key) ? 'client' : 'refresh';
    const bytes = await response;
    this.#causes.set(key, cause);
    return bytes;
  }

  /** Wraps the pipeline's handler. */
  ask(handle: Answerer, query: Query): ReturnType<Answerer> {
    const reply = handle(query);
    if (reply instanceof Promise) void this.#wait(query, reply);
    return reply;
  }

  /** Whether the cached answer to this query comes from a prefetch. */
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
