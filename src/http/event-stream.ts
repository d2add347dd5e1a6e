import type { ServerResponse } from 'node:http';
import { type Dns4torError, toDns4torError } from '../failures/errors.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import { BYTES_PER_KIB } from '../lib/units.ts';
import { SECURITY_HEADERS } from './responses.ts';

/** Frequent enough for a person, and rare enough to cost little. */
const INTERVAL_MS = 1000;

/**
 * Maximum streams: enough for a person or two with a few windows. They do not count towards the limits of
 * `HttpConnections`.
 */
export const MAX_WATCHERS = 8;

/** A client with more unsent octets than this does not read, and is disconnected. */
const MAX_UNSENT_BYTES: number = 64 * BYTES_PER_KIB;

/** Delay before a browser reconnects after a broken stream (the `retry` field). */
const RETRY_MS = 1000;

/**
 * Sends a state to any number of clients as server-sent events (WHATWG HTML, "Server-sent events"): at once, then every
 * second. All clients share one reading of the state. Without clients no timer runs. If reading the state fails, the
 * streams end.
 */
export class EventStream implements Disposable {
  readonly #clock: Clock;
  readonly #current: () => object;
  readonly #onError: (error: Dns4torError) => void;
  readonly #watchers = new Set<ServerResponse>();
  #timer: Timer | undefined;
  #closed = false;

  /** @param onError called when the state cannot be read for open streams */
  constructor(clock: Clock, current: () => object, onError: (error: Dns4torError) => void) {
    this.#clock = clock;
    this.#current = current;
    this.#onError = onError;
  }

  /**
   * Answers a request with the stream.
   * @param headersOnly for HEAD
   * @returns false, without effect, if too many streams are open or the server is closing
   * @throws whatever reading the state throws, without effect
   */
  open(response: ServerResponse, headersOnly: boolean): boolean {
    if (this.#closed || this.#watchers.size >= MAX_WATCHERS) return false;
    const first = headersOnly ? '' : `retry: ${RETRY_MS}\n${this.#event()}`;
    response.writeHead(200, { ...SECURITY_HEADERS, Connection: 'close', 'Content-Type': 'text/event-stream' });
    if (headersOnly) {
      response.end();
      return true;
    }
    // `close` follows every error, and a client that has disconnected is no error.
    response.on('error', () => {});
    response.on('close', () => this.#remove(response));
    this.#watchers.add(response);
    response.write(first);
    this.#timer ??= this.#scheduleNext();
    return true;
  }

  #event(): string {
    return `data: ${JSON.stringify(this.#current())}\n\n`;
  }

  #scheduleNext(): Timer {
    return this.#clock.schedule(INTERVAL_MS, () => {
      this.#timer = this.#scheduleNext();
      try {
        this.#broadcast(this.#event());
      } catch (error) {
        this.#onError(toDns4torError(error));
        for (const watcher of this.#watchers) {
          watcher.end();
          this.#remove(watcher);
        }
      }
    });
  }

  #broadcast(event: string): void {
    for (const watcher of this.#watchers) {
      if (watcher.writableLength > MAX_UNSENT_BYTES) watcher.destroy();
      else watcher.write(event);
    }
  }

  #remove(response: ServerResponse): void {
    this.#watchers.delete(response);
    if (this.#watchers.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Ends every stream after what was written so far. */
  [Symbol.dispose](): void {
    this.#closed = true;
    this.#timer?.cancel();
    for (const watcher of this.#watchers) watcher.end();
  }
}
