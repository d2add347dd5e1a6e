import { concat, rawMessage, rawName, rawPointer, rawQuestion, rawRecord } from '../fixtures/messages.ts';

export const CHAIN_RECORDS = 4000;
const CHAIN_AT = 12 + 5 + 11;

/**
 * A message of up to 64 kB that asks for the root's address: in the first record's RDATA a name and a chain of pointers that ends at it,
 * then records whose owner is the chain's last pointer.
 */
export function chainMessage(flags: number, name: Uint8Array, pointers: number): Uint8Array {
  const chain = Array.from({ length: pointers }, (_, i) =>
    rawPointer(i === 0 ? CHAIN_AT : CHAIN_AT + name.length + 2 * (i - 1)),
  );
  const first = rawRecord(rawName(), 0xfffe, 60, concat(name, ...chain));
  const last = rawPointer(CHAIN_AT + name.length + 2 * (pointers - 1));
  const others = Array.from({ length: CHAIN_RECORDS }, () => rawRecord(last, 0xfffe, 60, new Uint8Array(0)));
  return rawMessage({ flags, questions: [rawQuestion(rawName())], additionals: [first, ...others] });
}
