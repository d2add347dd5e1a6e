import type { Clock } from '../../lib/clock.ts';
import { type Dns4torError, toDns4torError } from '../../failures/errors.ts';
import type { ErrorCode } from '../../failures/failures.ts';
import type { Random } from '../../lib/random.ts';
import type { TorStatus } from '../../model/tor-status.ts';
import { type ControlConnection, openControl } from './control-connection.ts';
import { NewnymSchedule } from './newnym.ts';
import { forgetsOnionAuths, installOnionAuths, type OnionAuth } from './onion-auth.ts';
import type { TorAddress } from '../tor-address.ts';
import type { TorEvents } from '../tor-events.ts';
import { TorReport } from './tor-report.ts';

export interface TorMonitorOptions {
  /** Of the control port. */
  readonly address: TorAddress;
  /** Keys to be given to the tor, and given again whenever it forgets them. */
  readonly onionAuths: readonly OnionAuth[];
  readonly clock: Clock;
  readonly random: Random;
  /** Ends it. */
  readonly signal: AbortSignal;
  readonly events: TorEvents;
  /** Is called before anything else is done with the tor, which is left alone when this rejects. */
  readonly prepare: (control: ControlConnection) => Promise<unknown>;
}

/** Follows one tor over its control port, until that connection ends. */
export interface TorMonitor {
  /** As of now, without asking; `down` once the connection has ended. */
  readonly status: TorStatus;
  /** Resolves with the reason when the connection has ended. */
  readonly ended: Promise<Dns4torError>;
  /** Is to be told how each dial through this tor ended. Tells it to forget its failures where it seems to refuse from memory. */
  observe(outcome: 'ok' | ErrorCode): void;
}

const EVENTS = 'STATUS_CLIENT CIRC CONF_CHANGED SIGNAL';
const QUESTIONS = 'status/bootstrap-phase status/circuit-established circuit-status';

/**
 * Resolves when the state of tor is known and the keys are installed.
 *
 * @throws Dns4torError ERR_TOR_CONTROL; what `prepare` throws
 */
export async function openTorMonitor(options: TorMonitorOptions): Promise<TorMonitor> {
  const { events, onionAuths } = options;
  const report = new TorReport((percent, summary) => events.onBootstrap(percent, summary));
  // Nothing is given to a tor that may still turn out to be the wrong one.
  let isPrepared = false;
  const installKeys = (): Promise<void> =>
    installOnionAuths(control, onionAuths, (error) => events.onOnionAuthFailed(error));
  const control = await openControl({
    ...options,
    onEvent(event) {
      report.observe(event.lines);
      if (isPrepared && forgetsOnionAuths(event)) void installKeys();
    },
  });
  try {
    await options.prepare(control);
    isPrepared = true;
    // Before the keys, so that nothing makes tor forget them unnoticed; before the questions, so that no news are missed.
    await control.command(`SETEVENTS ${EVENTS}`);
    await installKeys();
    await control.command(`GETINFO ${QUESTIONS}`, (lines) => report.observe(lines));
  } catch (error) {
    control[Symbol.dispose]();
    throw error;
  }
  const newnym = new NewnymSchedule(options.clock);
  let isRefused = false;
  const forgetFailures = async (): Promise<void> => {
    try {
      await control.command('SIGNAL NEWNYM');
      events.onNewnym();
    } catch (error) {
      // Whoever opened the connection hears of its end.
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
      return control.isOpen ? report.status : { state: 'down', bootstrapPercent: 0 };
    },
  };
}
