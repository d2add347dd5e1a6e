import process from 'node:process';
import { CommanderError } from 'commander';
import { ConfigError } from '../../config/config-error.ts';
import { Dns4torError } from '../../failures/errors.ts';
import type { ErrorCode } from '../../failures/failures.ts';
import type { Logger } from '../../log/logger.ts';
import { readVersion } from '../../lib/version.ts';
import { EXIT_CODES } from '../exit-codes.ts';

/** Tells why the process ends: a person on stderr, and the log once there is one. Never prints a stack trace. */
export class Reporter {
  #logger: Logger | undefined;
  #toStderr = true;

  /** @param isStderr whether it writes JSON to stderr, where a plain line would be the one that its reader cannot parse */
  attach(logger: Logger, isStderr: boolean): void {
    this.#logger = logger;
    this.#toStderr = !isStderr;
  }

  /** A line for each problem; returns the exit code for it. */
  report(error: unknown): number {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
    if (error instanceof ConfigError) {
      for (const problem of error.problems) this.#complain(problem, 'ERR_CONFIG');
      return EXIT_CODES.usage;
    }
    if (error instanceof Dns4torError && error.code !== 'ERR_INTERNAL') {
      this.#complain(error.message, error.code);
      return error.code === 'ERR_CONFIG' ? EXIT_CODES.usage : EXIT_CODES.failure;
    }
    const sentence = `a defect ended it (${describeDefect(error)}); please report it with this line and the version, ${readVersion()}`;
    this.#complain(sentence, 'ERR_INTERNAL');
    return EXIT_CODES.defect;
  }

  #complain(sentence: string, code: ErrorCode): void {
    if (this.#toStderr) process.stderr.write(`dns4tor: ${sentence}\n`);
    this.#logger?.log('fatal', 'failed', { reason: sentence, code });
    // The process ends now, by `exit` as likely as not: no `using` would be left by then.
    this.#logger?.[Symbol.dispose]();
  }
}

/** Its kind and place, which are enough to find it. Not its message: that may quote data, a name that was asked for too. */
function describeDefect(error: unknown): string {
  const thrown = error instanceof Dns4torError && error.cause !== undefined ? error.cause : error;
  if (!(thrown instanceof Error)) return typeof thrown;
  const kind = 'code' in thrown ? `${thrown.name} ${String(thrown.code)}` : thrown.name;
  const place = /(?:src|dist|node_modules)\/[^\s()]+:\d+:\d+/.exec(thrown.stack ?? '')?.[0];
  return place === undefined ? kind : `${kind} at ${place}`;
}
