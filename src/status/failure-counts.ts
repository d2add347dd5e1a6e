import { type ErrorCode, FAILURES, failureKind } from '../failures/failures.ts';
import type { Counts } from './counts.ts';
import type { ErrorSnapshot } from './snapshot.ts';

/** Why something fails, as programs and as people are told. */
export interface Reason {
  readonly reason: string;
  readonly sentence: string;
}

export function reasonOf(code: ErrorCode): Reason {
  const { label, sentence } = failureKind(code);
  return { reason: label, sentence };
}

const SENTENCES: ReadonlyMap<string, string> = new Map(
  Object.values(FAILURES).map(({ label, sentence }) => [label, sentence]),
);

/** What failed and what to do about it: what the most clients were told of first. */
export function errorsOf({ errors }: Counts): readonly ErrorSnapshot[] {
  return [...errors]
    .map(([reason, counts]) => ({ reason, sentence: SENTENCES.get(reason) ?? reason, ...counts }))
    .toSorted((a, b) => b.answers - a.answers || b.exchanges + b.connections - (a.exchanges + a.connections));
}
