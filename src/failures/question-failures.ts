import type { ErrorCode } from './failures.ts';

/** Failures in which the resolver responded, but not with a usable DNS answer. */
export const UNUSABLE_RESPONSES: ReadonlySet<ErrorCode> = new Set([
  'ERR_DOH_STATUS',
  'ERR_DOH_CONTENT_TYPE',
  'ERR_DOH_BODY_SIZE',
  'ERR_RESPONSE_MALFORMED',
  'ERR_RESPONSE_MISMATCH',
  'ERR_RESPONSE_TRUNCATED',
  'ERR_RESPONSE_CHAIN',
]);

/**
 * Unusable responses that say nothing about the name: a status other than 2xx, which is no answer (RFC 8484 §4.2.1), or
 * a body that is not a DNS answer to the question.
 */
export const NO_DNS_ANSWER: ReadonlySet<ErrorCode> = new Set([
  'ERR_DOH_STATUS',
  'ERR_DOH_CONTENT_TYPE',
  'ERR_DOH_BODY_SIZE',
  'ERR_RESPONSE_MALFORMED',
  'ERR_RESPONSE_MISMATCH',
]);

/**
 * Failures of the question, not of the path to the resolver. The resolver received the query, so a retry would most
 * likely fail again (RFC 9520 §2). A broken path has its own back-off, for all questions.
 */
export const OF_THE_QUESTION: ReadonlySet<ErrorCode> = new Set([
  'ERR_DEADLINE',
  'ERR_QUERY_DROPS_CONNECTION',
  ...UNUSABLE_RESPONSES,
]);
