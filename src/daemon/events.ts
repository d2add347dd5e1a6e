import type { Dns4torError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { TorStatus } from '../lib/tor-state.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { TorEvents } from '../tor/tor-events.ts';
import type { AlternativeEvents } from '../upstream/alternative-transport.ts';
import type { ConnectionEvents } from '../upstream/connection.ts';

const BOOTSTRAPPED_PERCENT = 100;
/** Tor's own log tells of each such step; over the control port it tells of each per cent. */
const LOGGED_STEP_PERCENT = 5;
/** Stands among the error codes as the reason of a failed connection. */
const BOOTSTRAPPING = 'bootstrapping';

/** Shows how far tor has come, in place of log lines: a progress bar. */
export type BootstrapDisplay = (percent: number, summary: string) => void;

/** Counts and logs what happens to the connections to one upstream. A failure that repeats is logged once, until it changes or ends. */
export function connectionEvents(
  logger: Logger,
  metrics: Metrics,
  torStatus: () => TorStatus,
  url: string,
  index: number,
): ConnectionEvents {
  let lastReason: string | undefined;
  return {
    connected(durationMs) {
      metrics.connected(index, 'ok');
      const log = lastReason === undefined ? logger.debug : logger.info;
      log('Connected to DNS upstream', { url, seconds: toSeconds(durationMs) });
      lastReason = undefined;
    },
    connectFailed(error, pauseMs) {
      metrics.connected(index, error.code);
      const progress = bootstrapProgress(torStatus(), error);
      const reason = progress === undefined ? error.code : BOOTSTRAPPING;
      const log = lastReason === reason ? logger.debug : logger.warn;
      log(`Cannot connect to DNS upstream: ${progress ?? error.message}`, {
        url,
        code: error.code,
        retry_seconds: toSeconds(pauseMs),
      });
      lastReason = reason;
    },
  };
}

/** Why a connection through Tor failed, where Tor says itself that it is not that far yet: the failure is only what follows from it. */
function bootstrapProgress(
  { bootstrapPercent, bootstrapSummary }: TorStatus,
  { code }: Dns4torError,
): string | undefined {
  if (bootstrapSummary === undefined || bootstrapPercent === BOOTSTRAPPED_PERCENT || !code.startsWith('ERR_TOR_')) {
    return undefined;
  }
  return describeBootstrap(bootstrapPercent, bootstrapSummary);
}

function describeBootstrap(percent: number, summary: string): string {
  return `Tor is at ${percent} %: ${summary}`;
}

/** Logs what becomes of one upstream's alternative services. What repeats is told once, until it changes. */
export function alternativeEvents(logger: Logger, url: string): AlternativeEvents {
  let working: boolean | undefined;
  let offered: number | undefined;
  return {
    learnt(count) {
      const log = count === offered ? logger.debug : logger.info;
      log('DNS upstream offers onions; later connections go there', { url, onions: count });
      offered = count;
    },
    worked() {
      const log = working === true ? logger.debug : logger.info;
      log('DNS upstream answers at an onion that it offers', { url });
      working = true;
    },
    failed(error) {
      const log = working === false ? logger.debug : logger.warn;
      log(`DNS upstream cannot be used at an onion that it offers, and is connected to by its name: ${error.message}`, {
        url,
        code: error.code,
      });
      working = false;
    },
  };
}

/** Logs what tor tells, and counts what it is told. */
export function torEvents(logger: Logger, metrics: Metrics, display: BootstrapDisplay | undefined): TorEvents {
  // One that has been running when it is found is at 100 %, which is no news.
  let lastPercent = BOOTSTRAPPED_PERCENT;
  let lastLost: string | undefined;
  return {
    onBootstrap(percent, summary) {
      if (display !== undefined) return display(percent, summary);
      const isComplete = percent === BOOTSTRAPPED_PERCENT && lastPercent < BOOTSTRAPPED_PERCENT;
      if (percent >= lastPercent && percent < lastPercent + LOGGED_STEP_PERCENT && !isComplete) return;
      logger.info(describeBootstrap(percent, summary));
      lastPercent = percent;
    },
    onLog({ severity, message }) {
      const log = severity === 'warn' ? logger.warn : severity === 'err' ? logger.error : logger.debug;
      log(`Tor says: ${message}`);
    },
    onExit: (error, restartInMs) =>
      logger.error(`Tor ended: ${error.message}`, { code: error.code, restart_seconds: toSeconds(restartInMs) }),
    onControl(address) {
      logger.info(`Following Tor over its control port at ${address}`);
      lastLost = undefined;
    },
    onControlLost(error, retryInMs) {
      const log = lastLost === error.message ? logger.debug : logger.warn;
      log(`Cannot follow Tor: ${error.message}`, { code: error.code, retry_seconds: toSeconds(retryInMs) });
      lastLost = error.message;
    },
    onOnionAuthFailed: (error) => logger.warn(error.message, { code: error.code }),
    onNewnym() {
      metrics.newnym();
      logger.info('Tor has been told to forget which onion services it could not reach (NEWNYM)');
    },
    onNewnymRefused: (error) =>
      logger.warn(`Tor cannot be told to forget which onion services it could not reach: ${error.message}`, {
        code: error.code,
      }),
  };
}

/** For logs: to a tenth. */
export function toSeconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
