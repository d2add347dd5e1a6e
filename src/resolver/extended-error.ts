import { EDE, type ErrorCode, failureKind } from '../lib/errors.ts';
import type { ExtendedError } from '../message/edns.ts';

/** RFC 8914: what a client is told beside the RCODE; undefined where that says it all. */
export function extendedErrorOf(code: ErrorCode): ExtendedError | undefined {
  const { ede, sentence } = failureKind(code);
  return ede === undefined ? undefined : { code: EDE[ede], text: sentence };
}

/** RFC 8914 §4.14: a failure that is given again out of the cache says so, and still why it was one. */
export function cachedError(original: ExtendedError | undefined): ExtendedError {
  return { code: EDE.cachedError, text: original?.text ?? '' };
}
