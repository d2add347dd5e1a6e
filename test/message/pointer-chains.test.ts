import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAnswer } from '../../src/message/answer.ts';
import { createQueryScanner } from '../../src/message/scan-query.ts';
import {
  concat,
  rawMessage,
  rawName,
  rawNameOfLength,
  rawPointer,
  rawQuestion,
  rawRecord,
} from '../fixtures/messages.ts';
import { countReads } from './counted-bytes.ts';

const RECORDS = 4000;
/** Octets that may be read of one record at most: a name of 255, 127 pointers of which the first octet is read twice, 20 for the rest. */
const MAX_READS_PER_RECORD = 255 + 3 * 127 + 20;
const CHAIN_AT = 12 + 5 + 11;

/**
 * A message of up to 64 kB: in the first record's RDATA a name and a chain of pointers that ends at it, then records whose owner is the
 * chain's last pointer.
 */
function chainMessage(flags: number, name: Uint8Array, pointers: number): Uint8Array {
  const chain = Array.from({ length: pointers }, (_, i) =>
    rawPointer(i === 0 ? CHAIN_AT : CHAIN_AT + name.length + 2 * (i - 1)),
  );
  const first = rawRecord(rawName(), 0xfffe, 60, concat(name, ...chain));
  const last = rawPointer(CHAIN_AT + name.length + 2 * (pointers - 1));
  const others = Array.from({ length: RECORDS }, () => rawRecord(last, 1, 60, new Uint8Array(0)));
  return rawMessage({ flags, questions: [rawQuestion(rawName())], additionals: [first, ...others] });
}

test('64 kB of records that all walk the longest chain that is followed cost a bounded number of octets each', (t) => {
  const name = rawNameOfLength(255);
  for (const [who, flags, read] of [
    ['a query', 0x0100, createQueryScanner()],
    ['a response', 0x8180, parseAnswer],
  ] as const) {
    const { wire, reads } = countReads(chainMessage(flags, name, 126));
    read(wire);
    t.diagnostic(`${who} of ${wire.length} octets: ${reads()} read`);
    assert.ok(reads() > RECORDS * 300, 'the chain was walked');
    assert.ok(reads() < RECORDS * MAX_READS_PER_RECORD, `${reads()} octets read`);
  }
});

test('a chain of thousands of pointers is given up at its first use', () => {
  const name = rawName();
  const query = countReads(chainMessage(0x0100, name, 7000));
  assert.equal(createQueryScanner()(query.wire).verdict, 'malformed');
  assert.ok(query.reads() < 2 * MAX_READS_PER_RECORD, `${query.reads()} octets read`);

  const response = countReads(chainMessage(0x8180, name, 7000));
  assert.throws(() => parseAnswer(response.wire), { code: 'ERR_RESPONSE_MALFORMED' });
  assert.ok(response.reads() < 2 * MAX_READS_PER_RECORD, `${response.reads()} octets read`);
});
