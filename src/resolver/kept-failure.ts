import { type ErrorCode, failureKind } from '../failures/failures.ts';
import { OF_THE_QUESTION } from '../failures/question-failures.ts';
import type { ExtendedError } from '../message/wire/edns.ts';

const BY_SENTENCE: ReadonlyMap<string, ErrorCode> = new Map(
  [...OF_THE_QUESTION].map((code) => [failureKind(code).sentence, code]),
);

/** Why a failure out of the cache was one, by what is kept of it; what the resolver has said of it in words of its own is its failure. */
export function keptFailure(error: ExtendedError | undefined): ErrorCode {
  return BY_SENTENCE.get(error?.text ?? '') ?? 'ERR_RESPONSE_FAILURE';
}
