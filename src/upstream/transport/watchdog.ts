import type { Clock, Timer } from '../../lib/clock.ts';

export interface WatchdogInit {
  /** While anything waits, some byte must come within this time. */
  readonly silenceMs: number;
  /** How often it is looked for bytes, and so how exactly the silence is measured. */
  readonly lookMs: number;
}

/** A connection as its watchdog sees it. */
export interface Watched {
  /** Octets that have come so far. */
  bytesRead(): number;
  /** Whether anything waits for an answer. */
  waiting(): boolean;
  /** Nothing has come since the last look, though something waits: where a peer can be made to say something, it may be now. */
  onQuiet?(): void;
  /** Nothing has come for too long; called once for each {@link Watchdog.watch} at most. */
  onSilent(): void;
}

/**
 * Notices a connection whose peer has gone without a word (a circuit that hangs, a laptop that slept), which would look open for many
 * minutes. Progress is any byte, for whatever is waited for. Costs nothing while nothing waits.
 */
export class Watchdog {
  readonly #clock: Clock;
  readonly #init: WatchdogInit;
  readonly #watched: Watched;
  #look: Timer | undefined;
  #bytesSeen = 0;
  #bytesSeenAt = 0;

  constructor(clock: Clock, init: WatchdogInit, watched: Watched) {
    this.#clock = clock;
    this.#init = init;
    this.#watched = watched;
  }

  /** To be called for whatever begins to wait. */
  watch(): void {
    if (this.#look !== undefined) return;
    this.#noteBytes();
    this.#lookLater();
  }

  /** Stops looking, until the next {@link watch}. */
  cancel(): void {
    this.#look?.cancel();
    this.#look = undefined;
  }

  #noteBytes(): void {
    this.#bytesSeen = this.#watched.bytesRead();
    this.#bytesSeenAt = this.#clock.now();
  }

  #lookLater(): void {
    this.#look = this.#clock.schedule(this.#init.lookMs, () => {
      this.#look = undefined;
      if (!this.#watched.waiting()) return;
      if (this.#watched.bytesRead() !== this.#bytesSeen) this.#noteBytes();
      else if (this.#clock.now() - this.#bytesSeenAt >= this.#init.silenceMs) return this.#watched.onSilent();
      else this.#watched.onQuiet?.();
      this.#lookLater();
    });
  }
}
