import type { Cache } from '../../cache/cache.ts';
import type { Config } from '../../config/config.ts';
import { ConfigError, type Problem } from '../../config/config-problem.ts';
import { toDns4torError } from '../../failures/errors.ts';
import { type ErrorCode, joinRemedy } from '../../failures/failures.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../log/logger.ts';
import type { PreparedAnswer } from '../../message/answer/prepared-answer.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import { toSeconds } from '../events.ts';
import { type LoadedConfig, optionsNeedingRestart } from './restart-options.ts';

/** Whether a cached answer may stay. */
export type Keeps = (answer: PreparedAnswer) => boolean;

/**
 * Puts what was prepared into force, all at once.
 * @returns which cached answers may stay; undefined if all of them
 */
export type Apply = () => Keeps | undefined;

/** A part of the daemon that a reload changes. */
export interface Reloadable {
  /**
   * Builds what the configuration asks for, without any effect yet, so that a wrong file changes nothing.
   * @throws ConfigError with all problems
   */
  prepare(config: Config): Promise<Apply>;
}

/** Tells the service manager about a reload (sd_notify(3)). */
interface ReloadNotice {
  reloading(): void;
  /** Also after a failure. */
  reloaded(): void;
}

interface ReloaderComponents {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'reloaded'>;
  readonly cache: Pick<Cache, 'purge'>;
  /**
   * Reads the configuration from where it was read at the start.
   * @throws ConfigError with all problems
   */
  readonly load: () => LoadedConfig;
  readonly parts: readonly Reloadable[];
  /** Absent: nobody is told. */
  readonly notice?: ReloadNotice;
}

/**
 * Reloads the configuration and the files that it names. If anything in them is wrong, all problems are logged and
 * nothing changes. The cache keeps its answers, except those that the new configuration would not give.
 */
export class Reloader implements Disposable {
  readonly #components: ReloaderComponents;
  readonly #running: LoadedConfig;
  #isBusy = false;
  #isRequested = false;
  #isClosed = false;

  /** @param running what the daemon was started with */
  constructor(components: ReloaderComponents, running: LoadedConfig) {
    this.#components = components;
    this.#running = running;
  }

  /** Starts a reload. Requests that arrive during one are joined, and start one more after it. */
  request(): void {
    this.#isRequested = true;
    if (!this.#isBusy) void this.#reloadWhileRequested();
  }

  async #reloadWhileRequested(): Promise<void> {
    this.#isBusy = true;
    while (this.#isRequested && !this.#isClosed) {
      this.#isRequested = false;
      // oxlint-disable-next-line no-await-in-loop -- one after another
      await this.#reload();
    }
    this.#isBusy = false;
  }

  async #reload(): Promise<void> {
    const { clock, logger, metrics, cache, load, parts, notice } = this.#components;
    const startedAt = clock.now();
    notice?.reloading();
    try {
      const next = load();
      const prepared = await prepareAll(parts, next.config);
      if (this.#isClosed) return;
      const tests = prepared.map((apply) => apply()).filter((keeps) => keeps !== undefined);
      const removed = tests.length === 0 ? 0 : await cache.purge((answer) => tests.every((keeps) => keeps(answer)));
      const kept = optionsNeedingRestart(this.#running, next);
      if (kept.length > 0) logger.log('warn', 'restart_needed', { kept: kept.join(', ') });
      logger.log('info', 'reloaded', { removed, seconds: toSeconds(clock.now() - startedAt) });
      metrics.reloaded('success');
    } catch (error) {
      this.#logFailure(error);
      metrics.reloaded('failure');
    } finally {
      notice?.reloaded();
    }
  }

  /** Logs one line for each problem. */
  #logFailure(error: unknown): void {
    const { code, problem, remedy } = toDns4torError(error);
    const problems: readonly Problem[] =
      error instanceof ConfigError ? error.problems : [{ problem, ...(remedy === undefined ? {} : { remedy }) }];
    for (const [index, each] of problems.entries()) this.#logProblem(each, index + 1, problems.length, code);
  }

  #logProblem({ problem, remedy }: Problem, number: number, total: number, code: ErrorCode): void {
    this.#components.logger.log('error', 'reload_failed', {
      number,
      total,
      reason: joinRemedy(problem, remedy),
      code,
    });
  }

  /** Prevents further reloads. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
  }
}

/** Prepares all parts. @throws ConfigError with the problems of all of them */
async function prepareAll(parts: readonly Reloadable[], config: Config): Promise<readonly Apply[]> {
  const outcomes = await Promise.allSettled(parts.map((part) => part.prepare(config)));
  const errors = outcomes.flatMap((outcome): unknown[] => (outcome.status === 'rejected' ? [outcome.reason] : []));
  const problems = errors.flatMap((error) => (error instanceof ConfigError ? error.problems : []));
  const [defect] = errors.filter((error) => !(error instanceof ConfigError));
  if (defect !== undefined) throw defect;
  if (problems.length > 0) throw new ConfigError(problems);
  return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
}
