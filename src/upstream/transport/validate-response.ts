import { Dns4torError } from '../../failures/errors.ts';
import { isAnswerOfQuestion } from '../../message/answer/alias-chain.ts';
import { readU16 } from '../../message/wire/bytes.ts';
import {
  FLAG,
  flagsOf,
  HEADER,
  HEADER_BYTES,
  MAX_MESSAGE_BYTES,
  opcodeOf,
  QUESTION_FIXED_BYTES,
  rcodeOf,
} from '../../message/wire/header.ts';
import { lowerCase, skipPlainName } from '../../message/wire/name.ts';
import { OPCODE, RCODE } from '../../message/wire/tables.ts';

/**
 * Checks that `response` can be the answer to `query`. Question and ID must match (RFC 5452 §9.1); the ID is 0 in both
 * (RFC 8484 §4.1). The question name may differ in case.
 * @throws Dns4torError ERR_RESPONSE_MALFORMED, ERR_RESPONSE_MISMATCH, ERR_RESPONSE_TRUNCATED, ERR_RESPONSE_CHAIN
 */
export function validateResponse(query: Uint8Array, response: Uint8Array): void {
  if (response.length < HEADER_BYTES || response.length > MAX_MESSAGE_BYTES) {
    throw new Dns4torError('ERR_RESPONSE_MALFORMED');
  }
  const flags = flagsOf(response);
  if ((flags & FLAG.QR) === 0) throw new Dns4torError('ERR_RESPONSE_MALFORMED');
  if (opcodeOf(response) !== OPCODE.query || readU16(response, HEADER.id) !== readU16(query, HEADER.id)) {
    throw new Dns4torError('ERR_RESPONSE_MISMATCH');
  }
  const nameEnd = skipPlainName(query, HEADER_BYTES);
  const questionEnd = nameEnd + QUESTION_FIXED_BYTES;
  if (readU16(response, HEADER.qdcount) !== 1 || response.length < questionEnd) {
    throw new Dns4torError('ERR_RESPONSE_MISMATCH');
  }
  for (let i = HEADER_BYTES; i < nameEnd; i++) {
    if (lowerCase(response[i] as number) !== lowerCase(query[i] as number)) {
      throw new Dns4torError('ERR_RESPONSE_MISMATCH');
    }
  }
  for (let i = nameEnd; i < questionEnd; i++) {
    if (response[i] !== query[i]) throw new Dns4torError('ERR_RESPONSE_MISMATCH');
  }
  // A truncated answer must not be used (RFC 2181 §9), and no transport carries more than HTTP, TLS or TCP do.
  if ((flags & FLAG.TC) !== 0) throw new Dns4torError('ERR_RESPONSE_TRUNCATED');
  if (!isAnswerOfQuestion(response, questionEnd)) throw new Dns4torError('ERR_RESPONSE_CHAIN');
}

/** Whether `response` is SERVFAIL or REFUSED. Another connection may reach an instance of the resolver that answers. */
export function isRefusal(response: Uint8Array): boolean {
  const rcode = rcodeOf(response);
  return rcode === RCODE.SERVFAIL || rcode === RCODE.REFUSED;
}
