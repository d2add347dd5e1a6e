import { type Dns4torError, toDns4torError } from '../../failures/errors.ts';
import type { ErrorCode } from '../../failures/failures.ts';
import type { BackOff } from '../../lib/back-off.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Random } from '../../lib/random.ts';
import type { TorAddress } from '../../model/tor-address.ts';
import type { TorStatus } from '../../model/tor-status.ts';
import type { TorEvents } from '../tor-events.ts';
import type { TorSurroundings } from './bootstrap-evidence.ts';
import { BootstrapWatch } from './bootstrap-watch.ts';
import { type ControlConnection, openControl } from './control-connection.ts';
import { NewnymSchedule } from './newnym.ts';
import { forgetsOnionAuths, installOnionAuths, type OnionAuth } from './onion-auth.ts';
import { TorReport } from './tor-report.ts';

/**
 * Pauses before Tor is restarted or its control port tried again. The first is short, since most failures are single
 * ones. The longest is what a person who has just fixed the cause will wait.
 */
export const TOR_RETRIES: BackOff = { firstMs: 1_000, longestMs: 30_000 };

/** The control port to follow, and who hears of changes. */
export interface TorMonitorOptions {
  /** The control port. */
  readonly address: TorAddress;
  /** Keys to give to Tor, again whenever Tor forgets them. */
  readonly onionAuths: readonly OnionAuth[];
  readonly clock: Clock;
  readonly random: Random;
  /** Ends the monitor. */
  readonly signal: AbortSignal;
  readonly events: TorEvents;
  /** Facts that help to explain why Tor makes no progress. */
  readonly surroundings: TorSurroundings;
  /** Runs before any other command. If it rejects, the monitor sends nothing more to this Tor. */
  readonly prepare: (control: ControlConnection) => Promise<unknown>;
}

/** Follows one Tor process over its control port until that connection ends. */
export interface TorMonitor {
  /** The current status, as Tor last reported it; `down` once the connection has ended. */
  readonly status: TorStatus;
  /** Resolves with the reason once the connection has ended. */
  readonly ended: Promise<Dns4torError>;
  /** Records how a dial through this Tor ended. Sends NEWNYM when Tor seems to refuse from memory. */
  observe(outcome: 'ok' | ErrorCode): void;
}

const EVENTS = 'STATUS_CLIENT STATUS_GENERAL ORCONN NOTICE WARN ERR CIRC CONF_CHANGED SIGNAL';
const KEYWORDS = 'status/bootstrap-phase status/circuit-established circuit-status';

/**
 * Starts to follow Tor. Resolves once its status is known and the keys are installed.
 *
 * @throws Dns4torError ERR_TOR_CONTROL; also whatever `prepare` throws
 */
export async function openTorMonitor(options: TorMonitorOptions): Promise<TorMonitor> {
  const { events, onionAuths } = options;
  const report = new TorReport((percent, summary) => events.onBootstrap(percent, summary));
  const observe = (lines: readonly string[]): void => {
    report.observe(lines);
    watch.observe(lines, report.status.state === 'up');
  };
  // No key goes to a Tor that may still turn out to be the wrong one.
  let isPrepared = false;
  const installKeys = (): Promise<void> =>
    installOnionAuths(control, onionAuths, (error) => events.onOnionAuthFailed(error));
  const control = await openControl({
    ...options,
    onEvent(event) {
      observe(event.lines);
      if (isPrepared && forgetsOnionAuths(event)) void installKeys();
    },
  });
  // Before SETEVENTS, Tor sends no event.
  const watch = new BootstrapWatch(options);
  try {
    await options.prepare(control);
    isPrepared = true;
    // First SETEVENTS: from here on, the monitor notices when Tor forgets the keys, and misses no change of status.
    await control.command(`SETEVENTS ${EVENTS}`);
    await installKeys();
    await control.command(`GETINFO ${KEYWORDS}`, observe);
  } catch (error) {
    watch[Symbol.dispose]();
    control[Symbol.dispose]();
    throw error;
  }
  void control.closed.then(() => watch[Symbol.dispose]());
  const newnym = new NewnymSchedule(options.clock);
  let isRefused = false;
  const forgetFailures = async (): Promise<void> => {
    try {
      await control.command('SIGNAL NEWNYM');
      events.onNewnym();
    } catch (error) {
      // `ended` reports the end of the connection.
      if (!control.isOpen) return;
      isRefused = true;
      events.onNewnymRefused(toDns4torError(error));
    }
  };
  return {
    ended: control.closed,
    observe(outcome) {
      if (!isRefused && newnym.isDue(outcome)) void forgetFailures();
    },
    get status(): TorStatus {
      if (!control.isOpen) return { state: 'down', bootstrapPercent: 0 };
      const { trouble } = watch;
      return trouble === undefined ? report.status : { ...report.status, state: 'stuck', trouble };
    },
  };
}
