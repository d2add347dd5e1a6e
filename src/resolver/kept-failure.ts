import { type ErrorCode, failureKind } from '../lib/failures.ts';
import type { ExtendedError } from '../message/edns.ts';

/**
 * Failures that are about the question and not about the way to the resolver: the resolver was asked, and asking again at once would
 * most likely fail again (RFC 9520 §2). A way that is broken has a pause of its own before it is tried again, for all questions.
 */
export const OF_THE_QUESTION: ReadonlySet<ErrorCode> = new Set([
  'ERR_DEADLINE',
  'ERR_QUERY_DROPS_CONNECTION',
  'ERR_DOH_STATUS',
  'ERR_DOH_CONTENT_TYPE',
  'ERR_DOH_BODY_SIZE',
  'ERR_RESPONSE_MALFORMED',
  'ERR_RESPONSE_MISMATCH',
  'ERR_RESPONSE_CHAIN',
]);

const BY_SENTENCE: ReadonlyMap<string, ErrorCode> = new Map(
  [...OF_THE_QUESTION].map((code) => [failureKind(code).sentence, code]),
);

/** Why a failure out of the cache was one, by what is kept of it; what the resolver has said of it in words of its own is its failure. */
export function keptFailure(error: ExtendedError | undefined): ErrorCode {
  return BY_SENTENCE.get(error?.text ?? '') ?? 'ERR_RESPONSE_FAILURE';
}
