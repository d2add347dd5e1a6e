import { drawPauseMs } from '../../lib/back-off.ts';
import { type Clock, delay } from '../../lib/clock.ts';
import { type Dns4torError, toDns4torError } from '../../failures/errors.ts';
import type { ErrorCode } from '../../failures/failures.ts';
import type { Random } from '../../lib/random.ts';
import type { TorStatus } from '../../model/tor-status.ts';
import { RETRIES } from './retries.ts';
import type { OnionAuth } from '../control/onion-auth.ts';
import type { TorAddress } from '../tor-address.ts';
import type { TorEvents } from '../tor-events.ts';
import { startTorProcess, type TorProcess } from './tor-process.ts';
import { type TorPaths, torPaths } from './torrc.ts';

export interface ManagedTorOptions {
  /** A path, or a name to be found in PATH. */
  readonly binary: string;
  /** Of this tor alone; is made, with mode 0700, where it is missing. Keeps what makes a second start quick. */
  readonly directory: string;
  /** Validated lines to add to the torrc. */
  readonly torOptions: readonly string[];
  readonly onionAuths: readonly OnionAuth[];
  readonly clock: Clock;
  readonly random: Random;
  readonly events: TorEvents;
}

const BOOTSTRAPPED_PERCENT = 100;

/** A tor that dns4tor started itself, and starts again whenever it dies. */
export class ManagedTor implements AsyncDisposable {
  readonly #options: ManagedTorOptions;
  readonly #paths: TorPaths;
  readonly #closing: AbortController = new AbortController();
  /** Absent between its end and its next start. */
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
    const tor = new ManagedTor(options);
    await tor.#start();
    tor.#supervision = tor.#supervise();
    return tor;
  }

  /** The same for as long as this lives, restarts included. */
  get socks(): TorAddress {
    return { kind: 'unix', path: this.#paths.socks };
  }

  get status(): TorStatus {
    return this.#process?.status ?? { state: 'down', bootstrapPercent: 0 };
  }

  /** Is to be told how each dial ended. */
  observe(outcome: 'ok' | ErrorCode): void {
    this.#process?.observe(outcome);
  }

  /** Ends tor, and resolves when it has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#process?.stop();
    await this.#supervision;
  }

  async #start(): Promise<void> {
    const { events } = this.#options;
    const onBootstrap: TorEvents['onBootstrap'] = (percent, summary) => {
      if (percent === BOOTSTRAPPED_PERCENT) this.#failures = 0;
      events.onBootstrap(percent, summary);
    };
    this.#process = await startTorProcess(
      { ...this.#options, paths: this.#paths, events: { ...events, onBootstrap } },
      this.#closing.signal,
    );
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
    this.#process = undefined;
    while (!signal.aborted) {
      const delayMs = drawPauseMs(RETRIES, this.#failures++, random);
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
