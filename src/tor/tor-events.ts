import type { Dns4torError } from '../failures/errors.ts';
import type { TorSeverity } from '../model/tor-status.ts';
import type { BootstrapEvents } from './control/bootstrap-watch.ts';

/** One line of Tor's log, without its timestamp. */
export interface TorLogLine {
  readonly severity: TorSeverity;
  readonly message: string;
}

/** Notifications about Tor while dns4tor uses it: for logs and progress bars. */
export interface TorEvents extends BootstrapEvents {
  /**
   * Tor's bootstrap made progress. Needs the control port.
   * @param percent 0 to 100; starts over when Tor restarts
   */
  onBootstrap(percent: number, summary: string): void;
  /** The managed Tor logged a line. Addresses, identities of relays and all parts of bridge lines are removed. */
  onLog(line: TorLogLine): void;
  /** The managed Tor exited unexpectedly, or failed to restart. The next attempt follows in `restartInMs`. */
  onExit(error: Dns4torError, restartInMs: number): void;
  /** `auto` skipped a default address because its listener is not known to be Tor, or is arti. */
  onSkipped(error: Dns4torError): void;
  /** The listener at the configured address may not be Tor. Reported once. */
  onUnproven(address: string): void;
  /** The program at the configured address is arti, which has no control port. Reported once. */
  onArti(address: string): void;
  /**
   * dns4tor now follows an external Tor over its control port.
   * @param address in the form of `--tor-control`
   */
  onControl(address: string): void;
  /**
   * The control connection ended, or the configured control port is unusable. The next attempt follows in `retryInMs`.
   */
  onControlLost(error: Dns4torError, retryInMs: number): void;
  /**
   * Tor rejected the key for an onion service (`--onion-auth-file`), or needs it and there is no control port to pass
   * it.
   */
  onOnionAuthFailed(error: Dns4torError): void;
  /** Tor took `SIGNAL NEWNYM`, and with it forgot which onion services had failed. */
  onNewnym(): void;
  /**
   * Tor, or a filter in front of its control port, rejected `SIGNAL NEWNYM`. This connection does not send it again.
   */
  onNewnymRefused(error: Dns4torError): void;
}

/** Ignores all events. */
export const NO_TOR_EVENTS: TorEvents = {
  onBootstrap() {},
  onStuck() {},
  onUnstuck() {},
  onLog() {},
  onExit() {},
  onSkipped() {},
  onUnproven() {},
  onArti() {},
  onControl() {},
  onControlLost() {},
  onOnionAuthFailed() {},
  onNewnym() {},
  onNewnymRefused() {},
};
