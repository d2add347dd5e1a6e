import type { ServerResponse } from 'node:http';
import type { Clock, Timer } from '../lib/clock.ts';
import { BYTES_PER_KIB } from '../lib/units.ts';
import { type Dns4torError, toDns4torError } from '../failures/errors.ts';
import { SECURITY_HEADERS } from './responses.ts';

/** Soon enough for a person, and a small part of what the state costs to write down. */
const INTERVAL_MS = 1000;

/**
 * Enough for a person or two with a few windows. The server counts event streams apart, so they take no place from
 * other connections.
 */
export const MAX_WATCHERS = 8;

/** What the kernel does not take any more is kept here; a reader that is this far behind is not reading. */
const MAX_UNSENT_BYTES: number = 64 * BYTES_PER_KIB;

/** After how long a browser is to connect again when the stream has broken. */
const RETRY_MS = 1000;

/**
 * Shows a state to whoever watches, as server-sent events (WHATWG HTML, "Server-sent events"): at once, and each second from then on. While
 * nobody watches no timer runs. A state that cannot be read ends the streams, and nothing else.
 */
export class EventStream implements Disposable {
  readonly #clock: Clock;
  readonly #current: () => object;
  readonly #onError: (error: Dns4torError) => void;
  readonly #watchers = new Set<ServerResponse>();
  #timer: Timer | undefined;
  #closed = false;

  /** @param onError told of it when the state could not be read while some watched */
  constructor(clock: Clock, current: () => object, onError: (error: Dns4torError) => void) {
    this.#clock = clock;
    this.#current = current;
    this.#onError = onError;
  }

  /**
   * Answers a request with the stream.
   * @param headersOnly for HEAD
   * @returns false, with nothing done, where there are too many watchers or the server closes
   * @throws what reading the state throws, with nothing done
   */
  open(response: ServerResponse, headersOnly: boolean): boolean {
    if (this.#closed || this.#watchers.size >= MAX_WATCHERS) return false;
    const first = headersOnly ? '' : `retry: ${RETRY_MS}\n${this.#event()}`;
    response.writeHead(200, { ...SECURITY_HEADERS, Connection: 'close', 'Content-Type': 'text/event-stream' });
    if (headersOnly) {
      response.end();
      return true;
    }
    // Each error of a connection is followed by its close, and a watcher that has gone away is no error.
    response.on('error', () => {});
    response.on('close', () => this.#forget(response));
    this.#watchers.add(response);
    response.write(first);
    this.#timer ??= this.#tellLater();
    return true;
  }

  #event(): string {
    return `data: ${JSON.stringify(this.#current())}\n\n`;
  }

  #tellLater(): Timer {
    return this.#clock.schedule(INTERVAL_MS, () => {
      this.#timer = this.#tellLater();
      try {
        this.#tell(this.#event());
      } catch (error) {
        this.#onError(toDns4torError(error));
        for (const watcher of this.#watchers) {
          watcher.end();
          this.#forget(watcher);
        }
      }
    });
  }

  #tell(event: string): void {
    for (const watcher of this.#watchers) {
      if (watcher.writableLength > MAX_UNSENT_BYTES) watcher.destroy();
      else watcher.write(event);
    }
  }

  #forget(response: ServerResponse): void {
    this.#watchers.delete(response);
    if (this.#watchers.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Ends every stream, with what was sent so far. */
  [Symbol.dispose](): void {
    this.#closed = true;
    this.#timer?.cancel();
    for (const watcher of this.#watchers) watcher.end();
  }
}
