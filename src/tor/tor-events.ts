import type { Dns4torError } from '../failures/errors.ts';
import type { TorLogLine } from './process/tor-log.ts';

/** What a tor tells while it runs, for logs and progress bars. */
export interface TorEvents {
  /** Where its control port is read. @param percent 0 to 100; begins anew when tor was restarted */
  onBootstrap(percent: number, summary: string): void;
  /** A line that a tor of ours logged; by `SafeLogging` without addresses. */
  onLog(line: TorLogLine): void;
  /** A tor of ours ended unasked, or could not be restarted, and is started in `restartInMs`. */
  onExit(error: Dns4torError, restartInMs: number): void;
  /** `auto` skipped a default address whose listener is not known to be Tor. */
  onNotTaken(error: Dns4torError): void;
  /** The listener at the configured address may not be Tor. Reported once. */
  onUnproven(address: string): void;
  /** The control port of a tor that is not ours is read from now on. @param address in the form of `--tor-control` */
  onControl(address: string): void;
  /** It is not read any more, or cannot be though its address was named; that is tried again in `retryInMs`. */
  onControlLost(error: Dns4torError, retryInMs: number): void;
  /** Tor did not take the key for an onion service (`--onion-auth-file`), or cannot be given it and was asked for it. */
  onOnionAuthFailed(error: Dns4torError): void;
  /** Tor has forgotten which onion services it could not reach, since it was told to. */
  onNewnym(): void;
  /** Tor, or what stands before its control port, does not let us tell it that; it is not tried again on this connection. */
  onNewnymRefused(error: Dns4torError): void;
}
