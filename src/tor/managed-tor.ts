import { type Clock, delay } from '../lib/clock.ts';
import { Dns4torError, toDns4torError } from '../lib/errors.ts';
import type { Random } from '../lib/random.ts';
import type { TorState } from '../lib/tor-state.ts';
import type { TorAddress } from './tor-address.ts';
import type { TorLogLine } from './tor-log.ts';
import { startTorProcess, type TorProcess } from './tor-process.ts';
import { torOptionProblem, type TorPaths, torPaths } from './torrc.ts';

/** What a tor of ours tells while it runs, for logs and progress bars. */
export interface TorEvents {
  /** @param percent 0 to 100; begins anew when tor was restarted */
  onBootstrap(percent: number, summary: string): void;
  /** A line that tor logged; by `SafeLogging` without addresses. */
  onLog(line: TorLogLine): void;
  /** It ended unasked, or could not be restarted, and is started in `restartInMs`. */
  onExit(error: Dns4torError, restartInMs: number): void;
}

export interface ManagedTorOptions {
  /** A path, or a name to be found in PATH. */
  readonly binary: string;
  /** Of this tor alone; is made, with mode 0700, where it is missing. Keeps what makes a second start quick. */
  readonly directory: string;
  /** Lines to add to the torrc, of the form `Name value`. */
  readonly torOptions: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly events: TorEvents;
}

/** The first restart comes soon, since most deaths are single ones; the last wait is what a person who fixes a cause will bear. */
const RESTART_DELAY_MS = { first: 1_000, max: 30_000 } as const;

const BOOTSTRAPPED_PERCENT = 100;

/** A tor that dns4tor started itself, and starts again whenever it dies. */
export class ManagedTor implements AsyncDisposable {
  readonly #options: ManagedTorOptions;
  readonly #paths: TorPaths;
  readonly #closing: AbortController = new AbortController();
  #state: TorState = 'bootstrapping';
  #bootstrapPercent = 0;
  #process: TorProcess | undefined;
  /** Ends in a row without a complete bootstrap in between. */
  #failures = 0;
  #supervision: Promise<void> | undefined;

  private constructor(options: ManagedTorOptions) {
    this.#options = options;
    this.#paths = torPaths(options.directory);
  }

  /**
   * Resolves when tor runs; it has only begun to connect to its network then.
   *
   * @throws Dns4torError ERR_TOR_BINARY_MISSING; ERR_TOR_MANAGED with what tor said
   */
  static async start(options: ManagedTorOptions): Promise<ManagedTor> {
    for (const line of options.torOptions) {
      const problem = torOptionProblem(line);
      if (problem !== undefined)
        throw new Dns4torError('ERR_TOR_MANAGED', `--tor-option ${JSON.stringify(line)} ${problem}`);
    }
    const tor = new ManagedTor(options);
    await tor.#start();
    tor.#supervision = tor.#supervise();
    return tor;
  }

  /** The same for as long as this lives, restarts included. */
  get socks(): TorAddress {
    return { kind: 'unix', path: this.#paths.socks };
  }

  get state(): TorState {
    return this.#state;
  }

  /** 0 to 100. */
  get bootstrapPercent(): number {
    return this.#bootstrapPercent;
  }

  /** Ends tor, and resolves when it has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#process?.stop();
    await this.#supervision;
  }

  async #start(): Promise<void> {
    const { binary, torOptions, clock, events } = this.#options;
    this.#process = await startTorProcess(
      {
        binary,
        paths: this.#paths,
        torOptions,
        clock,
        onLog: (line) => events.onLog(line),
        onBootstrap: (percent, summary) => this.#onBootstrap(percent, summary),
      },
      this.#closing.signal,
    );
  }

  #onBootstrap(percent: number, summary: string): void {
    this.#bootstrapPercent = percent;
    this.#state = percent === BOOTSTRAPPED_PERCENT ? 'up' : 'bootstrapping';
    if (this.#state === 'up') this.#failures = 0;
    this.#options.events.onBootstrap(percent, summary);
  }

  async #supervise(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const error = await this.#process?.ended;
      if (error !== undefined) await this.#restart(error);
    }
    // Of a restart that was completed while this was being disposed.
    await this.#process?.stop();
  }

  async #restart(reason: Dns4torError): Promise<void> {
    const { clock, random, events } = this.#options;
    const { signal } = this.#closing;
    let error = reason;
    while (!signal.aborted) {
      this.#state = 'down';
      this.#bootstrapPercent = 0;
      const delayMs = restartDelayMs(this.#failures++, random);
      events.onExit(error, delayMs);
      await delay(clock, delayMs, signal);
      if (signal.aborted) return;
      try {
        return await this.#start();
      } catch (thrown) {
        error = toDns4torError(thrown);
      }
    }
  }
}

/** Doubles with each failure; the jitter takes up to a half off, so that two of our kind do not stay in step. */
function restartDelayMs(failures: number, random: Random): number {
  const delayMs = Math.min(RESTART_DELAY_MS.max, RESTART_DELAY_MS.first * 2 ** failures);
  return delayMs * (1 - random.fraction() / 2);
}
