import { type ErrorCode, FAILURE_CODES, failureKind, failureText } from '../failures/failures.ts';
import type { Counts } from './counts.ts';
import type { ErrorSnapshot } from './snapshot.ts';

/** Why something fails, as programs and as people are told. */
export interface Reason {
  readonly reason: string;
  readonly sentence: string;
}

export function reasonOf(code: ErrorCode): Reason {
  return { reason: failureKind(code).label, sentence: failureText(code) };
}

const SENTENCES: ReadonlyMap<string, string> = new Map(
  FAILURE_CODES.map((code) => [failureKind(code).label, failureText(code)]),
);

/** What failed and what to do about it: what the most clients were told of first. */
export function errorsOf({ errors }: Counts): readonly ErrorSnapshot[] {
  return [...errors]
    .map(([reason, counts]) => ({ reason, sentence: SENTENCES.get(reason) ?? reason, ...counts }))
    .toSorted((a, b) => b.answers - a.answers || b.exchanges + b.connections - (a.exchanges + a.connections));
}
