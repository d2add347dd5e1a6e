import type { Dns4torError } from '../../failures/errors.ts';
import type { Clock, Timer } from '../../lib/clock.ts';
import { BootstrapEvidence, type TorSurroundings } from './bootstrap-evidence.ts';

/** Bootstrapping without progress for so long is stuck. Over a slow bridge, steps of several seconds are normal. */
const NO_PROGRESS_MS = 20_000;

/** The same once Tor has found the clock wrong. It tolerates some hours, and then goes on within a second. */
const NO_PROGRESS_CLOCK_MS = 5_000;

/** Pause between the first report and the next. It doubles up to the longest. */
const FIRST_REMINDER_MS = 60_000;
const LONGEST_REMINDER_MS = 3_600_000;

/** Who hears of a bootstrap that stops and goes on. */
export interface BootstrapEvents {
  /** Tor makes no progress. Repeated at growing intervals, and whenever the reason changes. */
  onStuck(trouble: Dns4torError, stuckMs: number): void;
  /**
   * Tor makes progress again, or is up. Follows {@link onStuck}.
   * @param percent bootstrap progress, 0 to 100
   */
  onUnstuck(stuckMs: number, percent: number): void;
}

interface BootstrapWatchComponents {
  readonly clock: Clock;
  readonly surroundings: TorSurroundings;
  readonly events: BootstrapEvents;
}

/**
 * Notices when Tor's bootstrap makes no progress, and explains it. Tor reports some of the failures, but not that it
 * waits in vain: on a network that swallows its packets, it reports nothing at all.
 */
export class BootstrapWatch implements Disposable {
  readonly #components: BootstrapWatchComponents;
  readonly #evidence = new BootstrapEvidence();
  /** When Tor last made progress. */
  #progressAt: number;
  #trouble: Dns4torError | undefined;
  #reminders = 0;
  /** Undefined while Tor is up. */
  #timer: Timer | undefined;

  constructor(components: BootstrapWatchComponents) {
    this.#components = components;
    this.#progressAt = components.clock.now();
    this.#restart();
  }

  /** Why Tor is stuck. Undefined while it makes progress, and when it is up. */
  get trouble(): Dns4torError | undefined {
    return this.#trouble;
  }

  /**
   * Reads the lines of an event or of a reply to GETINFO.
   * @param isUp whether Tor is connected to its network, these lines included
   */
  observe(lines: readonly string[], isUp: boolean): void {
    const hasAdvanced = this.#evidence.observe(lines);
    if (isUp) return this.#leave();
    if (hasAdvanced || this.#timer === undefined) return this.#restart();
    if (this.#trouble !== undefined) this.#revise();
    else if (this.#evidence.isClockWrong) this.#scheduleAt(this.#progressAt + NO_PROGRESS_CLOCK_MS);
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
    this.#trouble = undefined;
  }

  get #stuckMs(): number {
    return this.#components.clock.now() - this.#progressAt;
  }

  /** Tor has just made progress, or has ceased to be up. */
  #restart(): void {
    if (this.#timer === undefined) this.#evidence.forget();
    this.#endTrouble();
    this.#progressAt = this.#components.clock.now();
    this.#scheduleAt(this.#progressAt + NO_PROGRESS_MS);
  }

  #leave(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#endTrouble();
  }

  #endTrouble(): void {
    if (this.#trouble === undefined) return;
    this.#trouble = undefined;
    this.#reminders = 0;
    this.#components.events.onUnstuck(this.#stuckMs, this.#evidence.percent);
  }

  #scheduleAt(ms: number): void {
    const { clock } = this.#components;
    this.#timer?.cancel();
    this.#timer = clock.schedule(Math.max(0, ms - clock.now()), () => this.#report());
  }

  #report(): void {
    const { clock, surroundings, events } = this.#components;
    this.#trouble = this.#evidence.explain(surroundings);
    this.#scheduleAt(clock.now() + Math.min(LONGEST_REMINDER_MS, FIRST_REMINDER_MS * 2 ** this.#reminders++));
    events.onStuck(this.#trouble, this.#stuckMs);
  }

  /** Explains the trouble with the latest evidence. */
  #revise(): void {
    const before = this.#trouble?.code;
    this.#trouble = this.#evidence.explain(this.#components.surroundings);
    if (this.#trouble.code !== before) this.#report();
  }
}
