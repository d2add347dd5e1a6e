import type { Dns4torError } from '../failures/errors.ts';

/**
 * How a check came out: all is well; it works, but not as it should; it does not work; there is nothing to be said, because it is not used here
 * or because something that another check tells of stands before it.
 */
const STATUSES = ['ok', 'warn', 'fail', 'skip'] as const;
export type Status = (typeof STATUSES)[number];

export interface Verdict {
  readonly status: Status;
  /** What was found: one line, which never holds a name that was asked for. */
  readonly line: string;
  /** What to do about it: a sentence. There for each that is `warn` or `fail`. */
  readonly advice?: string;
  /** How long it took what was tried, where that is worth knowing. */
  readonly durationMs?: number;
}

export function ok(line: string, durationMs?: number): Verdict {
  return durationMs === undefined ? { status: 'ok', line } : { status: 'ok', line, durationMs };
}

export function warn(line: string, advice: string): Verdict {
  return { status: 'warn', line, advice };
}

export function fail(line: string, advice: string): Verdict {
  return { status: 'fail', line, advice };
}

export function skip(line: string): Verdict {
  return { status: 'skip', line };
}

/**
 * A failed check, from the problem and remedy of an error.
 * @param otherwise the advice for an error without a remedy
 */
export function failWith({ problem, remedy }: Dns4torError, otherwise: string): Verdict {
  return fail(problem, remedy === undefined ? otherwise : toSentence(remedy));
}

const GRAVITY: readonly Status[] = ['skip', 'ok', 'warn', 'fail'];

/** The gravest of several looks at one thing; of equals the first. */
export function gravest(first: Verdict, ...others: readonly Verdict[]): Verdict {
  const gravity = ({ status }: Verdict): number => GRAVITY.indexOf(status);
  return others.reduce((worst, verdict) => (gravity(verdict) > gravity(worst) ? verdict : worst), first);
}

function toSentence(clause: string): string {
  return `${clause.slice(0, 1).toUpperCase()}${clause.slice(1)}.`;
}
