import type { Clock, Timer } from '../../lib/clock.ts';

interface WatchdogInit {
  /** Maximum time without any received byte while queries wait for answers. */
  readonly silenceMs: number;
  /** Poll interval; also the resolution of `silenceMs`. */
  readonly pollMs: number;
}

/** The connection that a watchdog observes. */
interface WatchedConnection {
  /** Number of bytes received so far. */
  bytesRead(): number;
  /** Whether any query waits for an answer. */
  isWaiting(): boolean;
  /** No byte has arrived since the last poll, although a query waits. The owner may make the peer send something. */
  onQuiet?(): void;
  /** No byte has arrived for `silenceMs`. Called at most once per {@link Watchdog.watch}. */
  onSilent(): void;
}

/**
 * Detects a connection whose peer has vanished, for example because a circuit hangs or the machine has slept. TCP would
 * keep such a connection open for many minutes. Any received byte counts as progress. Runs no timer while no query
 * waits.
 */
export class Watchdog {
  readonly #clock: Clock;
  readonly #init: WatchdogInit;
  readonly #connection: WatchedConnection;
  #poll: Timer | undefined;
  #bytesSeen = 0;
  #bytesSeenAt = 0;

  constructor(clock: Clock, init: WatchdogInit, connection: WatchedConnection) {
    this.#clock = clock;
    this.#init = init;
    this.#connection = connection;
  }

  /** Must be called for each query that begins to wait. */
  watch(): void {
    if (this.#poll !== undefined) return;
    this.#recordBytes();
    this.#schedulePoll();
  }

  /** Stops polling until the next {@link watch}. */
  cancel(): void {
    this.#poll?.cancel();
    this.#poll = undefined;
  }

  #recordBytes(): void {
    this.#bytesSeen = this.#connection.bytesRead();
    this.#bytesSeenAt = this.#clock.now();
  }

  #schedulePoll(): void {
    this.#poll = this.#clock.schedule(this.#init.pollMs, () => {
      this.#poll = undefined;
      if (!this.#connection.isWaiting()) return;
      if (this.#connection.bytesRead() !== this.#bytesSeen) this.#recordBytes();
      else if (this.#clock.now() - this.#bytesSeenAt >= this.#init.silenceMs) return this.#connection.onSilent();
      else this.#connection.onQuiet?.();
      this.#schedulePoll();
    });
  }
}
