import { RCODE, TYPE } from '../../src/message/wire/tables.ts';
import type { Counters } from '../../src/metrics/counters.ts';
import type { AnswerSource } from '../../src/metrics/metrics.ts';

export interface AnswerGiven {
  readonly source: AnswerSource;
  /** @default NOERROR */
  readonly rcode?: number;
  /** @default 1 */
  readonly durationMs?: number;
}

/** Counts an answer as the pipeline does. */
export function answer(counters: Counters, { source, rcode = RCODE.NOERROR, durationMs = 1 }: AnswerGiven): void {
  counters.answered('udp', 4, TYPE.A, rcode, source, 40, 56, durationMs);
}
