import type { ErrorCode } from './failures.ts';

/** Failures in which the resolver replied, but not with a usable DNS answer. */
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
 * Unusable responses that say nothing about the name. RFC 8484 §4.2.1: with a status other than 2xx the resolver has
 * not answered the question. Neither has a body that is no DNS answer to it.
 */
export const NO_DNS_ANSWER: ReadonlySet<ErrorCode> = new Set([
  'ERR_DOH_STATUS',
  'ERR_DOH_CONTENT_TYPE',
  'ERR_DOH_BODY_SIZE',
  'ERR_RESPONSE_MALFORMED',
  'ERR_RESPONSE_MISMATCH',
]);

/**
 * Failures that concern the question, not the path to the resolver. The resolver was asked, and asking again at once
 * would most likely fail again (RFC 9520 §2). A broken path has a back-off of its own, for all questions.
 */
export const OF_THE_QUESTION: ReadonlySet<ErrorCode> = new Set([
  'ERR_DEADLINE',
  'ERR_QUERY_DROPS_CONNECTION',
  ...UNUSABLE_RESPONSES,
]);
