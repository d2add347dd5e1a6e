import process from 'node:process';
import { CommanderError } from 'commander';
import { ConfigError } from '../../config/config-problem.ts';
import { Dns4torError } from '../../failures/errors.ts';
import { type ErrorCode, joinRemedy } from '../../failures/failures.ts';
import { readVersion } from '../../lib/version.ts';
import type { Logger } from '../../log/logger.ts';
import { EXIT_CODES } from '../exit-codes.ts';

/** Reports why the process ends, on stderr and in the log once it is attached. Never prints a stack trace. */
export class Reporter {
  #logger: Logger | undefined;
  #toStderr = true;

  /** @param isJsonOnStderr whether the log is JSON on stderr; its reader could not parse a plain line there */
  attach(logger: Logger, isJsonOnStderr: boolean): void {
    this.#logger = logger;
    this.#toStderr = !isJsonOnStderr;
  }

  /** Writes one line per problem. Returns the exit code. */
  report(error: unknown): number {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
    if (error instanceof ConfigError) {
      for (const { problem, remedy } of error.problems) this.#complain(joinRemedy(problem, remedy), 'ERR_CONFIG');
      return EXIT_CODES.usage;
    }
    if (error instanceof Dns4torError && error.code !== 'ERR_INTERNAL') {
      this.#complain(error.message, error.code);
      return error.code === 'ERR_CONFIG' ? EXIT_CODES.usage : EXIT_CODES.failure;
    }
    const sentence = `stopped by a defect of dns4tor (${describeDefect(error)}); please report this line and the version, ${readVersion()}`;
    this.#complain(sentence, 'ERR_INTERNAL');
    return EXIT_CODES.defect;
  }

  #complain(sentence: string, code: ErrorCode): void {
    if (this.#toStderr) process.stderr.write(`dns4tor: ${sentence}\n`);
    this.#logger?.log('fatal', 'failed', { reason: sentence, code });
    // The process exits now, possibly without leaving the scope of a `using` declaration.
    this.#logger?.[Symbol.dispose]();
  }
}

/**
 * Describes a defect by its kind and place. The message is left out, because it may quote data, even a queried name.
 */
function describeDefect(error: unknown): string {
  const thrown = error instanceof Dns4torError && error.cause !== undefined ? error.cause : error;
  if (!(thrown instanceof Error)) return typeof thrown;
  const kind = 'code' in thrown ? `${thrown.name} ${String(thrown.code)}` : thrown.name;
  const place = /(?:src|dist|node_modules)\/[^\s()]+:\d+:\d+/.exec(thrown.stack ?? '')?.[0];
  return place === undefined ? kind : `${kind} at ${place}`;
}
