import type { Dns4torError } from '../failures/errors.ts';
import type { ErrorCode } from '../failures/failures.ts';
import { UNUSABLE_RESPONSES } from '../failures/question-failures.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../log/logger.ts';
import type { AnswerEvents } from '../upstream/pool/pooled-connection.ts';
import { DohStatusError } from '../upstream/transport/doh-request.ts';
import { toSeconds } from './events.ts';

/**
 * Time without a failure of its kind after which the next usable answer ends an episode. Ending it sooner would let one
 * broken domain fill the log with starts and ends.
 */
const QUIET_MS = 60_000;

/**
 * The quiet time doubles up to this if a kind of failure comes back within the same time after its episode: a circuit
 * that is turned away every few minutes would otherwise fill the log.
 */
const MAX_QUIET_MS = 3_600_000;

/**
 * Missed deadlines since the last usable answer that make the upstream count as silent. Chance, or a program that
 * retries one broken domain, rarely gets there.
 */
const SILENT_QUERIES = 10;

/**
 * Maximum number of concurrent episodes. Further kinds of failure are not logged: a hostile resolver can invent HTTP
 * statuses to fill the log.
 */
const MAX_EPISODES = 16;

interface Episode {
  readonly code: ErrorCode;
  readonly startedAt: number;
  /** How long the failure must stay away. */
  readonly quietMs: number;
  lastAt: number;
  count: number;
  /** Whether a usable answer has arrived since the last failure. */
  isInterrupted: boolean;
}

/**
 * Logs when an upstream starts to return unusable answers, to reset requests or to leave queries unanswered, and when
 * that ends. An episode starts with one line per error code and HTTP status, and ends with one line.
 */
export function answerEpisodes(logger: Logger, clock: Clock, url: string): AnswerEvents {
  const episodes = new Map<string, Episode>();
  /** Ended episodes, by kind; the oldest first. */
  const past = new Map<string, { readonly endedAt: number; readonly quietMs: number }>();
  let unansweredInARow = 0;

  const quietMsOf = (kind: string, now: number): number => {
    const before = past.get(kind);
    past.delete(kind);
    if (before === undefined || now - before.endedAt >= MAX_QUIET_MS) return QUIET_MS;
    return Math.min(2 * before.quietMs, MAX_QUIET_MS);
  };

  const remember = (kind: string, endedAt: number, quietMs: number): void => {
    past.set(kind, { endedAt, quietMs });
    const [oldest = kind] = past.keys();
    if (past.size > MAX_EPISODES) past.delete(oldest);
  };

  const endQuiet = (now: number): void => {
    for (const [kind, { code, startedAt, quietMs, lastAt, count, isInterrupted }] of episodes) {
      if (!isInterrupted || now - lastAt < quietMs) continue;
      episodes.delete(kind);
      remember(kind, now, quietMs);
      logger.log('info', 'upstream_usable', { url, code, answers: count, seconds: toSeconds(lastAt - startedAt) });
    }
  };

  const record = (kind: string, code: ErrorCode, logStart: () => void): void => {
    const now = clock.now();
    endQuiet(now);
    const episode = episodes.get(kind);
    if (episode !== undefined) {
      episode.count++;
      episode.lastAt = now;
      episode.isInterrupted = false;
    } else if (episodes.size < MAX_EPISODES) {
      episodes.set(kind, {
        code,
        startedAt: now,
        quietMs: quietMsOf(kind, now),
        lastAt: now,
        count: 1,
        isInterrupted: false,
      });
      logStart();
    }
  };

  const logUnusable = (error: Dns4torError): void => {
    const { code, message } = error;
    if (error instanceof DohStatusError) logger.log('warn', 'upstream_http_error', { status: error.status, url, code });
    else logger.log('warn', 'upstream_unusable', { reason: message, url, code });
  };

  return {
    answered() {
      unansweredInARow = 0;
      if (episodes.size === 0) return;
      for (const episode of episodes.values()) episode.isInterrupted = true;
      endQuiet(clock.now());
    },
    failed(error, isConnected) {
      const { code } = error;
      if (UNUSABLE_RESPONSES.has(code)) {
        record(error instanceof DohStatusError ? `${code} ${error.status}` : code, code, () => logUnusable(error));
      } else if (code === 'ERR_DEADLINE' && ++unansweredInARow >= SILENT_QUERIES) {
        record(code, code, () => logger.log('warn', 'upstream_silent', { url, code }));
      } else if (code === 'ERR_UPSTREAM_CONNECTION' && isConnected) {
        record(code, code, () => logger.log('warn', 'upstream_resets', { url, code }));
      }
    },
  };
}
