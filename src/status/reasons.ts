import type { Dns4torError } from '../failures/errors.ts';
import { type ErrorCode, FAILURE_CODES, failureKind, failureText } from '../failures/failures.ts';
import type { Counts } from './counts.ts';
import type { ErrorSnapshot } from './snapshot.ts';

/** The reason of a failure. The texts are clauses for people. */
export interface Reason {
  /** A value of the metrics' `reason` label. */
  readonly reason: string;
  readonly problem: string;
  readonly remedy: string | undefined;
  /** Problem and remedy in one line. */
  readonly sentence: string;
}

/** The reason that an error code stands for. */
export function reasonOf(code: ErrorCode): Reason {
  const { label, problem, remedy } = failureKind(code);
  return { reason: label, problem, remedy, sentence: failureText(code) };
}

/** The reason of one error, which may know more than its code tells. */
export function explain({ code, problem, remedy, message }: Dns4torError): Reason {
  return { reason: failureKind(code).label, problem, remedy, sentence: message };
}

const REASONS: ReadonlyMap<string, Reason> = new Map(
  FAILURE_CODES.map((code) => [failureKind(code).label, reasonOf(code)]),
);

/** The reason with this label. Undefined if there is none. */
export function reasonOfLabel(label: string): Reason | undefined {
  return REASONS.get(label);
}

/** The failures of a period with their sentences, those with most affected answers first. */
export function errorsOf({ errors }: Counts): readonly ErrorSnapshot[] {
  return [...errors]
    .map(([reason, counts]) => ({ reason, sentence: reasonOfLabel(reason)?.sentence ?? reason, ...counts }))
    .toSorted((a, b) => b.answers - a.answers || b.exchanges + b.connections - (a.exchanges + a.connections));
}
