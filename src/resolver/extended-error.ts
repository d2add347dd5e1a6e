import { EDE, type ErrorCode, failureKind, failureText } from '../failures/failures.ts';
import type { PreparedAnswer } from '../message/answer/prepared-answer.ts';
import type { ExtendedError } from '../message/wire/edns.ts';

/** The extended error for a failure (RFC 8914). Undefined if the RCODE is sufficient. */
export function extendedErrorOf(code: ErrorCode): ExtendedError | undefined {
  const { ede } = failureKind(code);
  return ede === undefined ? undefined : { code: EDE[ede], text: failureText(code) };
}

/** The extended error of a failure from the cache, with the original text (RFC 8914 §4.14). */
export function cachedError(original: ExtendedError | undefined): ExtendedError {
  return { code: EDE.cachedError, text: original?.text ?? '' };
}

/**
 * The extended error of an expired answer (RFC 8914 §4.4, §4.20).
 * @param code why there is no fresh answer
 */
export function staleError(answer: PreparedAnswer, code: ErrorCode): ExtendedError {
  return { code: answer.kind === 'nxdomain' ? EDE.staleNxdomain : EDE.staleAnswer, text: failureText(code) };
}
