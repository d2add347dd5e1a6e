import { type Dns4torError, toDns4torError } from '../../failures/errors.ts';
import type { ErrorCode } from '../../failures/failures.ts';
import { drawPauseMs } from '../../lib/back-off.ts';
import { delay } from '../../lib/clock.ts';
import type { TorAddress } from '../../model/tor-address.ts';
import { BOOTSTRAPPED_PERCENT, type TorStatus } from '../../model/tor-status.ts';
import { TOR_RETRIES } from '../control/tor-monitor.ts';
import type { TorEvents } from '../tor-events.ts';
import { startTorProcess, type TorProcess, type TorProcessOptions } from './tor-process.ts';
import { type TorPaths, torPaths } from './torrc.ts';

/** The program, directory and events of a Tor that dns4tor runs. */
export interface ManagedTorOptions extends Omit<TorProcessOptions, 'paths'> {
  /** Tor's own directory, created with mode 0700 if missing. Its cached directory data speeds up the next start. */
  readonly directory: string;
}

/** A Tor that dns4tor starts itself, and restarts whenever it exits. */
export class ManagedTor implements AsyncDisposable {
  readonly #options: ManagedTorOptions;
  readonly #paths: TorPaths;
  readonly #closing: AbortController = new AbortController();
  /** Undefined between an exit and the restart. */
  #process: TorProcess | undefined;
  /** Exits since the last complete bootstrap. */
  #failures = 0;
  #supervision: Promise<void> | undefined;

  private constructor(options: ManagedTorOptions) {
    this.#options = options;
    this.#paths = torPaths(options.directory);
  }

  /**
   * Starts Tor. Resolves once it is under control; at that time, it has only begun to bootstrap.
   *
   * @throws Dns4torError ERR_TOR_BINARY_MISSING; ERR_TOR_IN_USE; ERR_TOR_MANAGED with Tor's own messages;
   *   ERR_UNTRUSTED_PATH
   */
  static async start(options: ManagedTorOptions): Promise<ManagedTor> {
    const tor = new ManagedTor(options);
    await tor.#start();
    tor.#supervision = tor.#supervise();
    return tor;
  }

  /** The SOCKS address. Restarts do not change it. */
  get socks(): TorAddress {
    return { kind: 'unix', path: this.#paths.socks };
  }

  get status(): TorStatus {
    return this.#process?.status ?? { state: 'down', bootstrapPercent: 0 };
  }

  /** Records how a dial through this Tor ended. */
  observe(outcome: 'ok' | ErrorCode): void {
    this.#process?.observe(outcome);
  }

  /** Stops Tor. Resolves once it has exited. */
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
    // A restart may have completed during disposal.
    await this.#process?.stop();
  }

  async #restart(reason: Dns4torError): Promise<void> {
    const { clock, random, events } = this.#options;
    const { signal } = this.#closing;
    let error = reason;
    this.#process = undefined;
    while (!signal.aborted) {
      const delayMs = drawPauseMs(TOR_RETRIES, this.#failures++, random);
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
