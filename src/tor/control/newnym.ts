import type { ErrorCode } from '../../failures/failures.ts';
import type { Clock } from '../../lib/clock.ts';

/**
 * Failures that Tor repeats from memory. It does not retry a failed introduction point for two minutes, nor a directory
 * without a descriptor for 15 minutes (HS_CACHE_CLIENT_INTRO_STATE_MAX_AGE and REND_HID_SERV_DIR_REQUERY_PERIOD in its
 * source). Once all those of an onion service have failed, Tor refuses every connection to it at once, whatever the
 * credentials, even if the service is back. Tor does not remember a failed rendezvous.
 */
const REMEMBERED_FAILURES: ReadonlySet<string> = new Set<ErrorCode>([
  'ERR_TOR_HS_DESC_NOT_FOUND',
  'ERR_TOR_HS_INTRO_FAILED',
  'ERR_TOR_HS_INTRO_TIMEOUT',
]);

/** Remembered failures in a row that make a signal due. The first is genuine; the second may come from memory. */
const FAILURES_UNTIL_DUE = 2;

/**
 * Shortest pause between signals. A service that has to rebuild circuits needs that long; Tor takes one signal per 10
 * s.
 */
const FIRST_PAUSE_MS = 30_000;

/** Longest pause between signals. Tor moves other programs' streams to new circuits as often by itself (10 minutes). */
const LONGEST_PAUSE_MS = 600_000;

/**
 * Decides when to send `SIGNAL NEWNYM` (control-spec), which makes Tor forget its failures: at the second remembered
 * failure in a row, with pauses that double during an outage.
 */
export class NewnymSchedule {
  readonly #clock: Clock;
  /** Remembered failures since the last successful dial. */
  #failures = 0;
  /** Minimum time from the last signal to the next. */
  #pauseMs = 0;
  #lastAtMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Records how a dial ended. Returns whether to send the signal now, and then counts it as sent. */
  isDue(outcome: 'ok' | ErrorCode): boolean {
    if (outcome === 'ok') this.#failures = 0;
    if (!REMEMBERED_FAILURES.has(outcome) || ++this.#failures < FAILURES_UNTIL_DUE) return false;
    const nowMs = this.#clock.now();
    const sinceMs = nowMs - this.#lastAtMs;
    if (sinceMs < this.#pauseMs) return false;
    // Due again within two pauses means that the last signal did not help. Any later, it is a new outage.
    const isSameOutage = sinceMs < 2 * this.#pauseMs;
    this.#pauseMs = isSameOutage ? Math.min(LONGEST_PAUSE_MS, 2 * this.#pauseMs) : FIRST_PAUSE_MS;
    this.#lastAtMs = nowMs;
    return true;
  }
}
