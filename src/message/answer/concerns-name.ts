import { HEADER_BYTES } from '../wire/header.ts';
import { isAtOrAbove } from '../wire/name.ts';
import { createRecordReader } from '../wire/record.ts';
import type { PreparedAnswer } from './prepared-answer.ts';

/**
 * Whether an answer depends on `name` or a name below it: by its question, or by a record whose owner is such a name,
 * as at the end of an alias chain. Ancestors of `name` do not count, although the SOA record of a negative answer
 * belongs to one.
 * @param name in wire form and lower case
 */
export function concernsName(answer: PreparedAnswer, name: Uint8Array): boolean {
  const { bytes, start, messageBytes, questionEnd, ttlCount } = answer;
  const message = bytes.subarray(start, start + messageBytes);
  if (isAtOrAbove(name, message, HEADER_BYTES)) return true;
  const readRecord = createRecordReader();
  let offset = questionEnd;
  // One TTL per record.
  for (let records = 0; records < ttlCount; records++) {
    const record = readRecord(message, offset);
    if (record === undefined) return false;
    if (isAtOrAbove(name, record.owner, 0)) return true;
    offset = record.end;
  }
  return false;
}
