import { Dns4torError, toDns4torError } from '../failures/errors.ts';
import type { ErrorCode } from '../failures/failures.ts';
import { drawPauseMs } from '../lib/back-off.ts';
import { type Clock, delay } from '../lib/clock.ts';
import { Deadline } from '../lib/deadline.ts';
import type { Random } from '../lib/random.ts';
import { formatTorAddress, type TorAddress } from '../model/tor-address.ts';
import { BOOTSTRAPPED_PERCENT, type TorState, type TorStatus } from '../model/tor-status.ts';
import type { TorSurroundings } from './control/bootstrap-evidence.ts';
import type { ControlConnection } from './control/control-connection.ts';
import { type ControlSearch, controlAddresses, requireSocksAddress } from './control/find-control.ts';
import type { OnionAuth } from './control/onion-auth.ts';
import { openTorMonitor, TOR_RETRIES, type TorMonitor } from './control/tor-monitor.ts';
import type { TorEvents } from './tor-events.ts';

/** How a running Tor is found, and what it is given. */
export interface ExternalTorOptions extends ControlSearch {
  readonly onionAuths: readonly OnionAuth[];
  readonly clock: Clock;
  readonly random: Random;
  readonly events: TorEvents;
  readonly surroundings: TorSurroundings;
}

/**
 * How long a start waits for the control port. A Tor on this machine answers within milliseconds unless it is stopped.
 */
const FIRST_ATTEMPT_MS = 2_000;

/** Outcomes that say nothing about Tor: a time-out may be anybody's fault, and a shutdown is ours. */
const INCONCLUSIVE: ReadonlySet<string> = new Set(['ERR_TOR_TIMEOUT', 'ERR_SHUTDOWN', 'ERR_INTERNAL']);
/** Failures of Tor itself or of its network. All others are Tor's reports about the onion service, so Tor is up. */
const TOR_IS_DOWN: ReadonlySet<string> = new Set([
  'ERR_TOR_UNREACHABLE',
  'ERR_TOR_NOT_SOCKS',
  'ERR_TOR_FOREIGN',
  'ERR_TOR_NETWORK_UNREACHABLE',
]);
/** Tor has no key for the onion service, or the wrong one. */
const KEY_MISSING: ReadonlySet<string> = new Set(['ERR_TOR_HS_AUTH_MISSING', 'ERR_TOR_HS_AUTH_WRONG']);

/**
 * A Tor that dns4tor did not start. Follows its control port, if there is a usable one, through every restart of Tor.
 */
export class ExternalTor implements AsyncDisposable {
  readonly socks: TorAddress;
  readonly #options: ExternalTorOptions;
  readonly #controlAddresses: readonly TorAddress[];
  readonly #closing: AbortController = new AbortController();
  readonly #firstAttempt: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #following: Promise<void> | undefined;
  #monitor: TorMonitor | undefined;
  /** State inferred from dials, used while there is no control connection. */
  #observed: TorState = 'unknown';
  /** Why there is no control connection. */
  #controlError: Dns4torError | undefined;
  #keyFailureReported = false;

  private constructor(options: ExternalTorOptions) {
    this.#options = options;
    this.socks = options.socks;
    this.#controlAddresses = controlAddresses(options);
  }

  /**
   * Resolves when the first attempt to find the control port has ended, after 2 s at the latest. Never rejects: a Tor
   * that does not run yet may start later.
   */
  static async open(options: ExternalTorOptions): Promise<ExternalTor> {
    const tor = new ExternalTor(options);
    tor.#following = tor.#follow();
    await Deadline.after(options.clock, FIRST_ATTEMPT_MS)
      .limit(tor.#firstAttempt.promise)
      .catch(() => {});
    return tor;
  }

  get status(): TorStatus {
    const bootstrapPercent = this.#observed === 'up' ? BOOTSTRAPPED_PERCENT : 0;
    return this.#monitor?.status ?? { state: this.#observed, bootstrapPercent };
  }

  /** Records how a dial through this Tor ended. */
  observe(outcome: 'ok' | ErrorCode): void {
    if (!INCONCLUSIVE.has(outcome)) this.#observed = TOR_IS_DOWN.has(outcome) ? 'down' : 'up';
    this.#monitor?.observe(outcome);
    if (KEY_MISSING.has(outcome)) this.#reportMissingKeys();
  }

  /** Closes the control connection. Tor keeps running. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#following;
  }

  async #follow(): Promise<void> {
    const { clock, random, control, events } = this.#options;
    const { signal } = this.#closing;
    if (this.#controlAddresses.length === 0) return this.#firstAttempt.resolve();
    let failures = 0;
    while (!signal.aborted) {
      const { wasFollowed, error } = await this.#followOnce();
      if (signal.aborted) return;
      if (wasFollowed) failures = 0;
      const pauseMs = drawPauseMs(TOR_RETRIES, failures++, random);
      // With `auto`, a control port is optional: its absence is not worth reporting.
      if (wasFollowed || control.kind !== 'auto') events.onControlLost(error, pauseMs);
      await delay(clock, pauseMs, signal);
    }
  }

  /** Opens a control connection, if possible, and follows Tor until it ends. */
  async #followOnce(): Promise<{ readonly wasFollowed: boolean; readonly error: Dns4torError }> {
    try {
      this.#monitor = await this.#openMonitor();
    } catch (thrown) {
      this.#controlError = toDns4torError(thrown);
      return { wasFollowed: false, error: this.#controlError };
    } finally {
      this.#firstAttempt.resolve();
    }
    this.#keyFailureReported = false;
    this.#controlError = await this.#monitor.ended;
    this.#monitor = undefined;
    this.#observed = 'unknown';
    return { wasFollowed: true, error: this.#controlError };
  }

  /** @throws Dns4torError the reason for the last address, if none is usable */
  async #openMonitor(): Promise<TorMonitor> {
    const { socks, control, events } = this.#options;
    // A configured control port is trusted to belong to the same Tor: SOCKS may be mapped to another port (containers).
    const prepare = async (connection: ControlConnection): Promise<void> => {
      if (control.kind === 'auto') await requireSocksAddress(connection, socks);
    };
    let reason: unknown;
    for (const address of this.#controlAddresses) {
      try {
        const monitor = await openTorMonitor({ ...this.#options, address, prepare, signal: this.#closing.signal });
        events.onControl(formatTorAddress(address));
        return monitor;
      } catch (error) {
        reason = error;
      }
    }
    throw reason;
  }

  /**
   * Reports, once, that the keys cannot be given to Tor. Waits until an onion service has asked for one, since Tor may
   * have the keys from its own configuration.
   */
  #reportMissingKeys(): void {
    if (this.#keyFailureReported || this.#monitor !== undefined || this.#options.onionAuths.length === 0) return;
    this.#keyFailureReported = true;
    const where = `Tor at ${formatTorAddress(this.socks)}`;
    this.#options.events.onOnionAuthFailed(new Dns4torError('ERR_TOR_ONION_AUTH', where, this.#controlError));
  }
}
