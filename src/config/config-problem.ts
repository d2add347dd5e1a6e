import { Dns4torError } from '../failures/errors.ts';

/** What is wrong with a setting or an argument, and how to correct it. For people: no code reads the two texts. */
export interface Problem {
  /** Without a full stop. Begins with where the setting was found, once that is known. */
  readonly problem: string;
  /** Absent if the problem makes it obvious. */
  readonly remedy?: string;
}

/** The value of a text, or why the text is refused. */
export type Parsed<T> = { readonly value: T } | Problem;

/**
 * Refuses a text.
 *
 * @param clause what is wrong, after the quoted text: `is not a URL`
 */
export function refuse(text: string, clause: string, remedy?: string): Problem {
  return withRemedy(`'${text}' ${clause}`, remedy);
}

/** Puts the place of a setting (`--port`, `port in /etc/dns4tor.toml`) in front of its problem. */
export function locate(place: string, { problem, remedy }: Problem): Problem {
  return withRemedy(`${place}: ${problem}`, remedy);
}

function withRemedy(problem: string, remedy: string | undefined): Problem {
  return remedy === undefined ? { problem } : { problem, remedy };
}

/** All problems of a configuration or command line, so that one start shows them all. */
export class ConfigError extends Dns4torError {
  /** At least one. */
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[], cause?: unknown) {
    super('ERR_CONFIG', problems.map(({ problem }) => problem).join('; '), cause);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}
