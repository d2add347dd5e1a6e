import { rawMessage, rawName, rawPointer, rawQuestion, rawRecord } from '../fixtures/dns/messages.ts';

/** As many pointers as fit into 64 kB. */
const CHAIN_RECORDS = 4000;

/** The QTYPE: an unknown type, whose RDATA may contain anything. */
export const CHAIN_TYPE = 0xfffe;
const QNAME_AT = 12;
const RECORD_FIXED_BYTES = 10;

/**
 * A message of up to 64 kB. The first record's RDATA is a chain of pointers that ends at QNAME. The owners of the other
 * records alternate between its last two pointers. They are answer records in a response, else additional records.
 * @param pointers at least 2
 */
export function chainMessage(
  flags: number,
  name: Uint8Array,
  pointers: number,
  records: number = CHAIN_RECORDS,
): Uint8Array {
  const question = rawQuestion(name, CHAIN_TYPE);
  const owner = rawPointer(QNAME_AT);
  const chainAt = QNAME_AT + question.length + owner.length + RECORD_FIXED_BYTES;
  const chain = Array.from({ length: pointers }, (_, i) => rawPointer(i === 0 ? QNAME_AT : chainAt + 2 * (i - 1)));
  const first = rawRecord(owner, CHAIN_TYPE, 60, Buffer.concat(chain));
  const lastTwo = [1, 2].map((fromEnd) => rawPointer(chainAt + 2 * (pointers - fromEnd)));
  const others = Array.from({ length: records }, (_, i) =>
    rawRecord(lastTwo[i % 2] ?? rawName(), CHAIN_TYPE, 60, new Uint8Array(0)),
  );
  const section = (flags & 0x8000) === 0 ? 'additionals' : 'answers';
  return rawMessage({ flags, questions: [question], [section]: [first, ...others] });
}
