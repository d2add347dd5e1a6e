import type { Dns4torError } from '../failures/errors.ts';
import type { Logger } from '../log/logger.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { BOOTSTRAPPED_PERCENT, type TorSeverity, type TorStatus } from '../model/tor-status.ts';
import type { TorEvents } from '../tor/tor-events.ts';
import type { AlternativeEvents } from '../upstream/alt-svc/alternative-transport.ts';
import type { ConnectionEvents } from '../upstream/pool/connection.ts';
import type { HealthEvents } from '../upstream/selection/health-checked-upstream.ts';

/** Step between two logged percentages. Tor's own log has similar steps; its control port reports every per cent. */
const LOGGED_STEP_PERCENT = 5;

/** Shows Tor's bootstrap progress in place of log lines, as a progress bar does. */
export interface BootstrapDisplay {
  /** @param isStuck whether Tor makes no progress; the log says why */
  showBootstrap(percent: number, summary: string, isStuck: boolean): void;
  /** Tor has ended, or nothing is known of it any more. */
  clear(): void;
}

/** Counts and logs the connections to one upstream. A repeated failure is logged once, until it changes or ends. */
export function connectionEvents(
  logger: Logger,
  metrics: Metrics,
  torStatus: () => TorStatus,
  url: string,
  index: number,
): ConnectionEvents {
  let lastFailure: string | undefined;
  return {
    connected(durationMs) {
      metrics.connected(index, 'ok');
      const level = lastFailure === undefined ? 'debug' : 'info';
      logger.log(level, 'upstream_connected', { url, seconds: toSeconds(durationMs) });
      lastFailure = undefined;
    },
    connectFailed(error, pauseMs) {
      metrics.connected(index, error.code);
      // Until Tor is connected to its network, its own events say why nothing else can work.
      const isExpected = isBootstrapping(torStatus()) && error.code.startsWith('ERR_TOR_');
      logger.log(isExpected || lastFailure === error.code ? 'debug' : 'warn', 'upstream_unreachable', {
        reason: error.message,
        url,
        code: error.code,
        retry_seconds: toSeconds(pauseMs),
      });
      if (!isExpected) lastFailure = error.code;
    },
  };
}

function isBootstrapping({ state }: TorStatus): boolean {
  return state === 'bootstrapping' || state === 'stuck';
}

/** Logs the use of one upstream's alternative services. A repeated outcome is logged once, until it changes. */
export function alternativeEvents(logger: Logger, url: string): AlternativeEvents {
  let working: boolean | undefined;
  let offered: number | undefined;
  return {
    discovered(count) {
      logger.log(count === offered ? 'debug' : 'info', 'onions_offered', { url, onions: count });
      offered = count;
    },
    connected() {
      logger.log(working === true ? 'debug' : 'info', 'onion_connected', { url });
      working = true;
    },
    failed(error) {
      const level = working === false ? 'debug' : 'warn';
      logger.log(level, 'onion_unreachable', { reason: error.message, url, code: error.code });
      working = false;
    },
  };
}

/** Logs when one of several upstreams is skipped because it does not answer, and when it is used again. */
export function healthEvents(logger: Logger, url: string): HealthEvents {
  return {
    markedDown: () => logger.log('warn', 'upstream_passed_over', { url }),
    recovered: (durationMs) => logger.log('info', 'upstream_used_again', { url, seconds: toSeconds(durationMs) }),
  };
}

/** What the events of Tor are logged and counted with. */
export interface TorEventComponents {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly torStatus: () => TorStatus;
  /** Resolves with what to tell people about a trouble of Tor. */
  readonly advise: (trouble: Dns4torError) => Promise<Dns4torError>;
  readonly display?: BootstrapDisplay | undefined;
}

/** Logs Tor's events, and counts its log lines and the NEWNYM signals sent to it. */
export function torEvents({ logger, metrics, torStatus, advise, display }: TorEventComponents): TorEvents {
  // A Tor that was already running is at 100 %, which is not worth a line.
  let lastPercent = BOOTSTRAPPED_PERCENT;
  let lastLost: Dns4torError | undefined;
  const warnStuck = async (trouble: Dns4torError, stuckMs: number): Promise<void> => {
    const { message: reason, code } = await advise(trouble);
    const { state, bootstrapPercent: percent } = torStatus();
    // It may have gone on meanwhile.
    if (state !== 'stuck') return;
    logger.log('warn', 'tor_stuck', { reason, code, percent, seconds: toSeconds(stuckMs) });
    showProgress();
  };
  const showProgress = (): void => {
    const { state, bootstrapPercent, bootstrapSummary = '' } = torStatus();
    display?.showBootstrap(bootstrapPercent, bootstrapSummary, state === 'stuck');
  };
  return {
    onBootstrap(percent, summary) {
      if (display !== undefined) return display.showBootstrap(percent, summary, false);
      const isComplete = percent === BOOTSTRAPPED_PERCENT && lastPercent < BOOTSTRAPPED_PERCENT;
      if (percent >= lastPercent && percent < lastPercent + LOGGED_STEP_PERCENT && !isComplete) return;
      logger.log('info', 'tor_bootstrap', { percent, summary });
      lastPercent = percent;
    },
    onStuck: (trouble, stuckMs) => void warnStuck(trouble, stuckMs),
    onUnstuck(stuckMs, percent) {
      logger.log('info', 'tor_unstuck', { percent, seconds: toSeconds(stuckMs) });
      showProgress();
    },
    onLog({ severity, message }) {
      metrics.torLogged(severity);
      // While Tor bootstraps, it repeats the same warnings every second. `tor_stuck` says what they mean.
      const isRepetition = severity === 'warn' && torStatus().state !== 'up';
      const level = isRepetition ? 'debug' : (LEVELS[severity] ?? 'debug');
      logger.log(level, 'tor_log', { text: message });
    },
    onExit(error, restartInMs) {
      display?.clear();
      logger.log('error', 'tor_ended', {
        reason: error.message,
        code: error.code,
        restart_seconds: toSeconds(restartInMs),
      });
    },
    onSkipped: (error) => logger.log('warn', 'tor_not_taken', { reason: error.message, code: error.code }),
    onUnproven: (address) => logger.log('warn', 'tor_unproven', { address }),
    onArti: (address) => logger.log('info', 'tor_arti', { address }),
    onControl(address) {
      logger.log('info', 'tor_followed', { address });
      lastLost = undefined;
    },
    onControlLost(error, retryInMs) {
      display?.clear();
      const isRepeated = lastLost?.code === error.code && lastLost.detail === error.detail;
      logger.log(isRepeated ? 'debug' : 'warn', 'tor_lost', {
        reason: error.message,
        code: error.code,
        retry_seconds: toSeconds(retryInMs),
      });
      lastLost = error;
    },
    onOnionAuthFailed: (error) => logger.log('warn', 'onion_key_refused', { reason: error.message, code: error.code }),
    onNewnym() {
      metrics.newnym();
      logger.log('info', 'newnym_sent', {});
    },
    onNewnymRefused: (error) => logger.log('warn', 'newnym_refused', { reason: error.message, code: error.code }),
  };
}

/** Levels of Tor's log lines, by their severity. Others are logged as `debug`. */
const LEVELS: Partial<Record<TorSeverity, 'warn' | 'error'>> = { warn: 'warn', err: 'error' };

/** Seconds for the log, rounded to a tenth. */
export function toSeconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
