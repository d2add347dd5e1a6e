import type { ErrorCode } from './failures.ts';

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
  'ERR_RESPONSE_TRUNCATED',
  'ERR_RESPONSE_CHAIN',
]);
