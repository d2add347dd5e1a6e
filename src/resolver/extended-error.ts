import { EDE, type ErrorCode, failureKind, failureText } from '../failures/failures.ts';
import type { ExtendedError } from '../message/wire/edns.ts';
import type { PreparedAnswer } from '../message/answer/prepared-answer.ts';

/** RFC 8914: what a client is told beside the RCODE; undefined where that says it all. */
export function extendedErrorOf(code: ErrorCode): ExtendedError | undefined {
  const { ede } = failureKind(code);
  return ede === undefined ? undefined : { code: EDE[ede], text: failureText(code) };
}

/** RFC 8914 §4.14: a failure that is given again out of the cache says so, and still why it was one. */
export function cachedError(original: ExtendedError | undefined): ExtendedError {
  return { code: EDE.cachedError, text: original?.text ?? '' };
}

/**
 * Marks an expired answer as stale (RFC 8914 §4.4, §4.20).
 * @param code why there is no fresh answer
 */
export function staleError(answer: PreparedAnswer, code: ErrorCode): ExtendedError {
  return { code: answer.kind === 'nxdomain' ? EDE.staleNxdomain : EDE.staleAnswer, text: failureText(code) };
}
