import type { Dns4torError } from '../failures/errors.ts';
import { failureKind } from '../failures/failures.ts';
import { capitalize } from '../lib/format.ts';
import type { TroubleSnapshot } from '../status/snapshot.ts';

/**
 * Outcome of a check: `ok`; `warn`, if it works but not as it should; `fail`, if it does not work; `skip`, if it is not
 * used here or another check must succeed first.
 */
export type Status = 'ok' | 'warn' | 'fail' | 'skip';

/** Result of a check. The names of the properties are keys of `check --json`, and stable. */
export interface Verdict {
  readonly status: Status;
  /** The finding, or the problem, in one line. Never contains a queried name. */
  readonly line: string;
  /** The remedy, as a sentence. Present with `warn` and `fail`. */
  readonly advice?: string;
  /** Why it failed: a value of the metrics' `reason` label. Present if the failure has an error code. */
  readonly reason?: string;
  /** Duration of the operation, if it is of interest. */
  readonly durationMs?: number;
}

/** A check that passed. */
export function ok(line: string, durationMs?: number): Verdict {
  return durationMs === undefined ? { status: 'ok', line } : { status: 'ok', line, durationMs };
}

/** A check that found something worth changing. */
export function warn(line: string, advice: string): Verdict {
  return { status: 'warn', line, advice };
}

/** A check that failed. */
export function fail(line: string, advice: string): Verdict {
  return { status: 'fail', line, advice };
}

/** A check that does not apply here. */
export function skip(line: string): Verdict {
  return { status: 'skip', line };
}

/**
 * Makes a failed check from the problem and the remedy of an error.
 *
 * @param otherwise the advice if the error has no remedy
 */
export function failWith({ code, problem, remedy }: Dns4torError, otherwise: string): Verdict {
  const advice = remedy === undefined ? otherwise : toSentence(remedy);
  return { ...fail(problem, advice), reason: failureKind(code).label };
}

/** Makes a failed check from the reason why Tor is stuck. */
export function failStuck({ reason, problem, remedy }: TroubleSnapshot): Verdict {
  return { ...fail(problem, toSentence(remedy)), reason };
}

const BY_SEVERITY: readonly Status[] = ['skip', 'ok', 'warn', 'fail'];

/** Returns the most severe of several verdicts on the same subject; of equals, the first. */
export function worst(first: Verdict, ...others: readonly Verdict[]): Verdict {
  const severity = ({ status }: Verdict): number => BY_SEVERITY.indexOf(status);
  return others.reduce((found, verdict) => (severity(verdict) > severity(found) ? verdict : found), first);
}

function toSentence(clause: string): string {
  return `${capitalize(clause)}.`;
}
