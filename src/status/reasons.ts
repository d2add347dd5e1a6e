import { type ErrorCode, FAILURE_CODES, failureKind, failureText } from '../failures/failures.ts';
import type { Counts } from './counts.ts';
import type { ErrorSnapshot } from './snapshot.ts';

/** The reason of a failure. */
export interface Reason {
  /** A value of the metrics' `reason` label. */
  readonly reason: string;
  /** Problem and remedy as a sentence for people. */
  readonly sentence: string;
}

/** The reason that an error code stands for. */
export function reasonOf(code: ErrorCode): Reason {
  return { reason: failureKind(code).label, sentence: failureText(code) };
}

/** Sentences by reason. */
const SENTENCES: ReadonlyMap<string, string> = new Map(
  FAILURE_CODES.map((code) => [failureKind(code).label, failureText(code)]),
);

/** The failures of a period with their sentences, those with most affected answers first. */
export function errorsOf({ errors }: Counts): readonly ErrorSnapshot[] {
  return [...errors]
    .map(([reason, counts]) => ({ reason, sentence: SENTENCES.get(reason) ?? reason, ...counts }))
    .toSorted((a, b) => b.answers - a.answers || b.exchanges + b.connections - (a.exchanges + a.connections));
}
