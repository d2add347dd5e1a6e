import type { Dns4torError } from '../failures/errors.ts';
import type { Logger } from '../log/logger.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { BOOTSTRAPPED_PERCENT, type TorStatus } from '../model/tor-status.ts';
import type { TorEvents } from '../tor/tor-events.ts';
import type { AlternativeEvents } from '../upstream/alt-svc/alternative-transport.ts';
import type { ConnectionEvents } from '../upstream/pool/connection.ts';
import type { HealthEvents } from '../upstream/selection/health-checked-upstream.ts';

/** Step between two logged percentages. Tor's own log has similar steps; its control port reports every per cent. */
const LOGGED_STEP_PERCENT = 5;
/** Takes the place of the error code while Tor is not connected to its network yet. */
const BOOTSTRAPPING = 'bootstrapping';

/** Shows Tor's bootstrap progress in place of log lines, as a progress bar does. */
export type BootstrapDisplay = (percent: number, summary: string) => void;

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
      const progress = bootstrapProgress(torStatus(), error);
      const failure = progress === undefined ? error.code : BOOTSTRAPPING;
      logger.log(lastFailure === failure ? 'debug' : 'warn', 'upstream_unreachable', {
        reason: progress ?? error.message,
        url,
        code: error.code,
        retry_seconds: toSeconds(pauseMs),
      });
      lastFailure = failure;
    },
  };
}

/** The cause of a failed connection if it is Tor's incomplete bootstrap, in words; undefined otherwise. */
function bootstrapProgress(
  { bootstrapPercent, bootstrapSummary }: TorStatus,
  { code }: Dns4torError,
): string | undefined {
  if (bootstrapSummary === undefined || bootstrapPercent === BOOTSTRAPPED_PERCENT || !code.startsWith('ERR_TOR_')) {
    return undefined;
  }
  return `Tor is at ${bootstrapPercent} %: ${bootstrapSummary}`;
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

/** Logs Tor's events, and counts the NEWNYM signals sent to it. */
export function torEvents(logger: Logger, metrics: Metrics, display: BootstrapDisplay | undefined): TorEvents {
  // A Tor that was already running is at 100 %, which is not worth a line.
  let lastPercent = BOOTSTRAPPED_PERCENT;
  let lastLost: Dns4torError | undefined;
  return {
    onBootstrap(percent, summary) {
      if (display !== undefined) return display(percent, summary);
      const isComplete = percent === BOOTSTRAPPED_PERCENT && lastPercent < BOOTSTRAPPED_PERCENT;
      if (percent >= lastPercent && percent < lastPercent + LOGGED_STEP_PERCENT && !isComplete) return;
      logger.log('info', 'tor_bootstrap', { percent, summary });
      lastPercent = percent;
    },
    onLog({ severity, message }) {
      const level = severity === 'warn' ? 'warn' : severity === 'err' ? 'error' : 'debug';
      logger.log(level, 'tor_log', { text: message });
    },
    onExit: (error, restartInMs) =>
      logger.log('error', 'tor_ended', {
        reason: error.message,
        code: error.code,
        restart_seconds: toSeconds(restartInMs),
      }),
    onSkipped: (error) => logger.log('warn', 'tor_not_taken', { reason: error.message, code: error.code }),
    onUnproven: (address) => logger.log('warn', 'tor_unproven', { address }),
    onArti: (address) => logger.log('info', 'tor_arti', { address }),
    onControl(address) {
      logger.log('info', 'tor_followed', { address });
      lastLost = undefined;
    },
    onControlLost(error, retryInMs) {
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

/** Seconds for the log, rounded to a tenth. */
export function toSeconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
