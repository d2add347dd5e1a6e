import type { Dns4torError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { TorEvents } from '../tor/managed-tor.ts';
import type { ConnectionEvents } from '../upstream/connections.ts';

/** Shows how far a tor of ours has come, in place of log lines: a progress bar. */
export type BootstrapDisplay = (percent: number, summary: string) => void;

/** Counts and logs what happens to the connections to one upstream. A failure that repeats is logged once, until it changes or ends. */
export function connectionEvents(logger: Logger, metrics: Metrics, url: string, index: number): ConnectionEvents {
  let lastFailure: Dns4torError | undefined;
  return {
    connected(durationMs) {
      metrics.connected(index, 'ok');
      const log = lastFailure === undefined ? logger.debug : logger.info;
      log('Connected to DNS upstream', { url, seconds: toSeconds(durationMs) });
      lastFailure = undefined;
    },
    connectFailed(error, pauseMs) {
      metrics.connected(index, error.code);
      const log = lastFailure?.code === error.code ? logger.debug : logger.warn;
      log(`Cannot connect to DNS upstream: ${error.message}`, {
        url,
        code: error.code,
        retry_seconds: toSeconds(pauseMs),
      });
      lastFailure = error;
    },
  };
}

/** Logs what a tor of ours tells. */
export function torEvents(logger: Logger, display: BootstrapDisplay | undefined): TorEvents {
  return {
    onBootstrap: display ?? ((percent, summary) => logger.info(`Tor is at ${percent} %: ${summary}`)),
    onLog({ severity, message }) {
      const log = severity === 'warn' ? logger.warn : severity === 'err' ? logger.error : logger.debug;
      log(`Tor says: ${message}`);
    },
    onExit: (error, restartInMs) =>
      logger.error(`Tor ended: ${error.message}`, { code: error.code, restart_seconds: toSeconds(restartInMs) }),
  };
}

/** For logs: to a tenth. */
export function toSeconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
