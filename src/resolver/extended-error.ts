import { EDE, type ErrorCode, failureKind } from '../failures/failures.ts';
import type { ExtendedError } from '../message/wire/edns.ts';
import type { PreparedAnswer } from '../message/answer/prepared-answer.ts';

/** RFC 8914: what a client is told beside the RCODE; undefined where that says it all. */
export function extendedErrorOf(code: ErrorCode): ExtendedError | undefined {
  const { ede, sentence } = failureKind(code);
  return ede === undefined ? undefined : { code: EDE[ede], text: sentence };
}

/** RFC 8914 §4.14: a failure that is given again out of the cache says so, and still why it was one. */
export function cachedError(original: ExtendedError | undefined): ExtendedError {
  return { code: EDE.cachedError, text: original?.text ?? '' };
}

/** RFC 8914 §4.4, §4.20: an answer that has expired, and why it is given all the same. */
export function staleError(answer: PreparedAnswer, reason: string): ExtendedError {
  return { code: answer.kind === 'nxdomain' ? EDE.staleNxdomain : EDE.staleAnswer, text: reason };
}
