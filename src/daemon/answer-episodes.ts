import type { Clock } from '../lib/clock.ts';
import type { Dns4torError } from '../lib/errors.ts';
import type { ErrorCode } from '../lib/failures.ts';
import type { Logger } from '../lib/logger.ts';
import type { AnswerEvents } from '../upstream/circuit.ts';
import { DohStatusError } from '../upstream/doh-status-error.ts';
import { toSeconds } from './events.ts';

/** An episode is over when answers have been usable for so long: one broken domain must not fill the log with ends and beginnings. */
const QUIET_MS = 60_000;

/** So many queries in a row without an answer are no luck, nor one broken domain and a program that asks again. */
const SILENT_QUERIES = 10;

/** Kinds of failure that are told apart at a time. Beyond, the newest is not told: a resolver can make up HTTP statuses. */
const MAX_EPISODES = 16;

interface Episode {
  readonly code: ErrorCode;
  readonly startedAt: number;
  lastAt: number;
  count: number;
  /** Whether a usable answer has come since the last failure. */
  isInterrupted: boolean;
}

/** Failures that are logged: the resolver has said something, and that is no answer. */
const UNUSABLE: ReadonlySet<ErrorCode> = new Set([
  'ERR_DOH_STATUS',
  'ERR_DOH_CONTENT_TYPE',
  'ERR_DOH_BODY_SIZE',
  'ERR_RESPONSE_MALFORMED',
  'ERR_RESPONSE_MISMATCH',
  'ERR_RESPONSE_TRUNCATED',
  'ERR_RESPONSE_CHAIN',
]);

/** Logs when one upstream begins to give answers that cannot be used, once for each kind and HTTP status, and when that has ended. */
export function answerEpisodes(logger: Logger, clock: Clock, url: string): AnswerEvents {
  const episodes = new Map<string, Episode>();
  let unansweredInARow = 0;

  const endQuiet = (now: number): void => {
    for (const [kind, { code, startedAt, lastAt, count, isInterrupted }] of episodes) {
      if (!isInterrupted || now - lastAt < QUIET_MS) continue;
      episodes.delete(kind);
      logger.log('info', 'upstream_usable', { url, code, answers: count, seconds: toSeconds(lastAt - startedAt) });
    }
  };

  const note = (kind: string, code: ErrorCode, tell: () => void): void => {
    const now = clock.now();
    endQuiet(now);
    const episode = episodes.get(kind);
    if (episode !== undefined) {
      episode.count++;
      episode.lastAt = now;
      episode.isInterrupted = false;
    } else if (episodes.size < MAX_EPISODES) {
      episodes.set(kind, { code, startedAt: now, lastAt: now, count: 1, isInterrupted: false });
      tell();
    }
  };

  const tellUnusable = (error: Dns4torError): void => {
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
      if (UNUSABLE.has(code)) {
        note(error instanceof DohStatusError ? `${code} ${error.status}` : code, code, () => tellUnusable(error));
      } else if (code === 'ERR_DEADLINE' && ++unansweredInARow >= SILENT_QUERIES) {
        note(code, code, () => logger.log('warn', 'upstream_silent', { url, code }));
      } else if (code === 'ERR_UPSTREAM_CONNECTION' && isConnected) {
        note(code, code, () => logger.log('warn', 'upstream_resets', { url, code }));
      }
    },
  };
}
