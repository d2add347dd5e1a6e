import type { Clock } from '../../lib/clock.ts';
import type { ErrorCode } from '../../failures/failures.ts';

/**
 * What tor says from memory: it tries introduction points that failed not again for two minutes, and directories that had no descriptor for
 * a quarter of an hour (HS_CACHE_CLIENT_INTRO_STATE_MAX_AGE and REND_HID_SERV_DIR_REQUERY_PERIOD in its source). Once all that an onion
 * service has are among those, every connection to it is refused at once, whatever its credentials, though the service may be back.
 * A failed rendezvous is not remembered.
 */
const REMEMBERED: ReadonlySet<string> = new Set<ErrorCode>([
  'ERR_TOR_HS_DESC_NOT_FOUND',
  'ERR_TOR_HS_INTRO_FAILED',
  'ERR_TOR_HS_INTRO_TIMEOUT',
]);

/** Tor has tried all there is before it gives up once; the second time it may not even have tried. */
const FAILURES = 2;

/** Sooner, a service that had to build circuits is not back; and tor takes one signal in ten seconds. */
const FIRST_PAUSE_MS = 30_000;

/** In an outage of hours other programs' streams are not moved to new circuits more often than tor moves them by itself. */
const LONGEST_PAUSE_MS = 600_000;

/** Decides when tor is to forget its failures (`SIGNAL NEWNYM`, control-spec): at the second in a row, after pauses that grow in an outage. */
export class NewnymSchedule {
  readonly #clock: Clock;
  /** Remembered ones, without a connection in between. */
  #failures = 0;
  /** After the last signal. */
  #pauseMs = 0;
  #lastAtMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Is told how each dial ended. Returns whether the signal is to be sent now, and takes it as sent then. */
  isDue(outcome: 'ok' | ErrorCode): boolean {
    if (outcome === 'ok') this.#failures = 0;
    if (!REMEMBERED.has(outcome) || ++this.#failures < FAILURES) return false;
    const nowMs = this.#clock.now();
    const sinceMs = nowMs - this.#lastAtMs;
    if (sinceMs < this.#pauseMs) return false;
    // Needed again as soon as may be, it has not helped. After as long again without it, this is another outage.
    const isSameOutage = sinceMs < 2 * this.#pauseMs;
    this.#pauseMs = isSameOutage ? Math.min(LONGEST_PAUSE_MS, 2 * this.#pauseMs) : FIRST_PAUSE_MS;
    this.#lastAtMs = nowMs;
    return true;
  }
}
