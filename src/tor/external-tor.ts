import { drawPauseMs } from '../lib/back-off.ts';
import { type Clock, delay } from '../lib/clock.ts';
import { Deadline } from '../lib/deadline.ts';
import { Dns4torError, toDns4torError } from '../failures/errors.ts';
import type { ErrorCode } from '../failures/failures.ts';
import type { Random } from '../lib/random.ts';
import type { TorState, TorStatus } from '../model/tor-status.ts';
import type { ControlConnection } from './control/control-connection.ts';
import { type ControlChoice, controlAddresses, requireSocksAddress } from './control/find-control.ts';
import type { OnionAuth } from './control/onion-auth.ts';
import { RETRIES } from './process/retries.ts';
import { formatTorAddress, type TorAddress } from './tor-address.ts';
import type { TorEvents } from './tor-events.ts';
import { openTorMonitor, type TorMonitor } from './control/tor-monitor.ts';

export interface ExternalTorOptions {
  readonly socks: TorAddress;
  readonly control: ControlChoice;
  /** Where `auto` looks, in this order. @default USUAL_CONTROL_ADDRESSES */
  readonly usualControlAddresses?: readonly TorAddress[];
  readonly onionAuths: readonly OnionAuth[];
  readonly clock: Clock;
  readonly random: Random;
  readonly events: TorEvents;
}

/** Tor on this machine answers within milliseconds; a start does not wait longer for one that is stopped. */
const FIRST_ATTEMPT_MS = 2_000;

/** Outcomes that say nothing about Tor: whose fault a missed deadline was is not known, and a shutdown was ours. */
const TELLS_NOTHING: ReadonlySet<string> = new Set(['ERR_TOR_TIMEOUT', 'ERR_SHUTDOWN', 'ERR_INTERNAL']);
/** Tor is not there, or has no way to its network. Any other failure is Tor's own report about the onion service. */
const TELLS_DOWN: ReadonlySet<string> = new Set([
  'ERR_TOR_UNREACHABLE',
  'ERR_TOR_NOT_SOCKS',
  'ERR_TOR_FOREIGN',
  'ERR_TOR_NETWORK_UNREACHABLE',
]);
/** Tor has no key for the onion service, or another one. */
const TELLS_KEY_MISSING: ReadonlySet<string> = new Set(['ERR_TOR_HS_AUTH_MISSING', 'ERR_TOR_HS_AUTH_WRONG']);

/** A tor that somebody else runs. Its control port is followed where there is one that we may use, through every restart of tor. */
export class ExternalTor implements AsyncDisposable {
  readonly socks: TorAddress;
  readonly #options: ExternalTorOptions;
  readonly #controlAddresses: readonly TorAddress[];
  readonly #closing: AbortController = new AbortController();
  readonly #firstAttempt: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #following: Promise<void> | undefined;
  #monitor: TorMonitor | undefined;
  /** What the dials tell, for as long as Tor itself does not. */
  #observed: TorState = 'unknown';
  /** Why it is not followed. */
  #controlError: Dns4torError | undefined;
  #hasToldOfKeys = false;

  private constructor(options: ExternalTorOptions) {
    this.#options = options;
    this.socks = options.socks;
    this.#controlAddresses = controlAddresses(options);
  }

  /** Resolves when its control port has been found or not, within 2 s. Never rejects: a tor that is not there yet is waited for. */
  static async open(options: ExternalTorOptions): Promise<ExternalTor> {
    const tor = new ExternalTor(options);
    tor.#following = tor.#follow();
    await Deadline.after(options.clock, FIRST_ATTEMPT_MS)
      .limit(tor.#firstAttempt.promise)
      .catch(() => {});
    return tor;
  }

  get status(): TorStatus {
    return this.#monitor?.status ?? { state: this.#observed, bootstrapPercent: this.#observed === 'up' ? 100 : 0 };
  }

  /** Is to be told how each dial ended. */
  observe(outcome: 'ok' | ErrorCode): void {
    if (!TELLS_NOTHING.has(outcome)) this.#observed = TELLS_DOWN.has(outcome) ? 'down' : 'up';
    this.#monitor?.observe(outcome);
    if (TELLS_KEY_MISSING.has(outcome)) this.#tellOfKeys();
  }

  /** Lets go of the control port; tor goes on. */
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
      const pauseMs = drawPauseMs(RETRIES, failures++, random);
      // What nobody has asked for by name is no news when it is not there.
      if (wasFollowed || control.kind !== 'auto') events.onControlLost(error, pauseMs);
      await delay(clock, pauseMs, signal);
    }
  }

  /** Follows tor until the control connection ends, if there is one to be had. */
  async #followOnce(): Promise<{ readonly wasFollowed: boolean; readonly error: Dns4torError }> {
    try {
      this.#monitor = await this.#openMonitor();
    } catch (thrown) {
      this.#controlError = toDns4torError(thrown);
      return { wasFollowed: false, error: this.#controlError };
    } finally {
      this.#firstAttempt.resolve();
    }
    this.#hasToldOfKeys = false;
    this.#controlError = await this.#monitor.ended;
    this.#monitor = undefined;
    this.#observed = 'unknown';
    return { wasFollowed: true, error: this.#controlError };
  }

  /** @throws Dns4torError why it is the last of the addresses not */
  async #openMonitor(): Promise<TorMonitor> {
    const { socks, control, events } = this.#options;
    // Who names an address may have SOCKS elsewhere: a container's port stands for another one.
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

  /** Only when a service has asked for one, since Tor may have the keys from elsewhere; and once, until they can be given. */
  #tellOfKeys(): void {
    if (this.#hasToldOfKeys || this.#monitor !== undefined || this.#options.onionAuths.length === 0) return;
    this.#hasToldOfKeys = true;
    const where = `Tor at ${formatTorAddress(this.socks)}`;
    this.#options.events.onOnionAuthFailed(new Dns4torError('ERR_TOR_ONION_AUTH', where, this.#controlError));
  }
}
