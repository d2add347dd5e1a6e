import { type Dns4torError, toDns4torError } from '../../failures/errors.ts';
import type { ErrorCode } from '../../failures/failures.ts';
import { drawPauseMs } from '../../lib/back-off.ts';
import { delay } from '../../lib/clock.ts';
import type { TorAddress } from '../../model/tor-address.ts';
import { BOOTSTRAPPED_PERCENT, type TorStatus } from '../../model/tor-status.ts';
import { ENTERED_PERCENT } from '../control/bootstrap-evidence.ts';
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
  /** Whether the process is being stopped to start a new one. */
  #isRenewing = false;
  /** When the present process got stuck last. */
  #stuckSinceMs = 0;
  /** When and where the stopped process got stuck, until its successor gets further. */
  #stuckBefore: { readonly sinceMs: number; readonly percent: number } | undefined;
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
    const none = { state: this.#isRenewing ? 'bootstrapping' : 'down', bootstrapPercent: 0 } as const;
    return this.#isRenewing ? none : (this.#process?.status ?? none);
  }

  /** Records how a dial through this Tor ended. */
  observe(outcome: 'ok' | ErrorCode): void {
    this.#process?.observe(outcome);
  }

  /**
   * Call it when this machine has joined another network, or has woken up. Restarts a Tor that is stuck before it has
   * entered its network: it pauses between attempts for up to a minute by then, and no command shortens that. Measured
   * with 0.4.9.11: 8 to 67 s until the first answer on the new network, and one second until a fresh Tor connects.
   */
  networkChanged(): void {
    const { state, bootstrapPercent: percent } = this.status;
    if (this.#process === undefined || state !== 'stuck' || percent >= ENTERED_PERCENT) return;
    this.#isRenewing = true;
    this.#stuckBefore ??= { sinceMs: this.#stuckSinceMs, percent };
    void this.#process.stop();
  }

  /** Stops Tor. Resolves once it has exited. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#process?.stop();
    await this.#supervision;
  }

  async #start(): Promise<void> {
    const { clock, events } = this.#options;
    const onBootstrap: TorEvents['onBootstrap'] = (percent, summary) => {
      if (percent === BOOTSTRAPPED_PERCENT) this.#failures = 0;
      events.onBootstrap(percent, summary);
      if (this.#stuckBefore === undefined || percent <= this.#stuckBefore.percent) return;
      events.onUnstuck(clock.now() - this.#stuckBefore.sinceMs, percent);
      this.#stuckBefore = undefined;
    };
    const onStuck: TorEvents['onStuck'] = (trouble, stuckMs) => {
      this.#stuckBefore = undefined;
      this.#stuckSinceMs = clock.now() - stuckMs;
      events.onStuck(trouble, stuckMs);
    };
    this.#process = await startTorProcess(
      { ...this.#options, paths: this.#paths, events: { ...events, onBootstrap, onStuck } },
      this.#closing.signal,
    );
  }

  async #supervise(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const error = await this.#process?.ended;
      if (error !== undefined) await (this.#isRenewing ? this.#renew() : this.#restart(error));
    }
    // A restart may have completed during disposal.
    await this.#process?.stop();
  }

  async #renew(): Promise<void> {
    try {
      if (!this.#closing.signal.aborted) await this.#start();
      this.#isRenewing = false;
    } catch (thrown) {
      this.#isRenewing = false;
      await this.#restart(toDns4torError(thrown));
    }
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
