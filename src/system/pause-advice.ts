import { Dns4torError } from '../failures/errors.ts';
import { type ErrorCode, joinRemedy } from '../failures/failures.ts';
import { readInstallation } from './installation.ts';
import type { FileSystem } from './transaction/file-system.ts';

/**
 * Troubles that somebody may end by reaching the network without Tor for a while: to log in at a captive portal, or to
 * look up a time server or the server of a transport.
 */
const ENDED_ONLINE: ReadonlySet<ErrorCode> = new Set([
  'ERR_TOR_CLOCK',
  'ERR_TOR_BLOCKED',
  'ERR_TOR_BRIDGES',
  'ERR_TOR_TRANSPORT_NAME',
  'ERR_TOR_STUCK',
]);

const ADVICE = "to use the network's own resolver meanwhile, run dns4tor pause 10m";

/**
 * Adds `dns4tor pause` to the remedy of a trouble where dns4tor is the system resolver: nothing else on the machine can
 * then look up names. dns4tor never pauses without that command.
 */
export class PauseAdvice {
  readonly #fs: FileSystem;
  #isInstalled = false;

  constructor(fs: FileSystem) {
    this.#fs = fs;
  }

  /** Looks up whether dns4tor is the system resolver. Never rejects. */
  async refresh(): Promise<void> {
    this.#isInstalled = (await readInstallation(this.#fs)).state === 'installed';
  }

  /** Returns the trouble, with the advice if it applies. */
  advise(trouble: Dns4torError): Dns4torError {
    const { code, detail, remedy = '' } = trouble;
    if (!this.#isInstalled || !ENDED_ONLINE.has(code)) return trouble;
    return new Dns4torError(code, detail, trouble, joinRemedy(remedy, ADVICE));
  }
}
