import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAnswer } from '../../src/message/answer/answer.ts';
import { createQueryScanner } from '../../src/message/wire/scan-query.ts';
import { rawName, rawNameOfLength } from '../fixtures/dns/messages.ts';
import { chainMessage } from './chain-message.ts';
import { countReads } from './counted-bytes.ts';

/** Maximum octets read per record: a name of 255, 127 pointers whose first octet is read twice, and 20 for the rest. */
const MAX_READS_PER_RECORD = 255 + 3 * 127 + 20;

const CHAIN_RECORDS = 500;

test('if all records follow the longest permitted pointer chain, the octets read per record are bounded', (t) => {
  const name = rawNameOfLength(255);
  for (const [who, flags, read] of [
    ['a query', 0x0100, createQueryScanner()],
    ['a response', 0x8180, parseAnswer],
  ] as const) {
    const { wire, reads } = countReads(chainMessage(flags, name, 126, CHAIN_RECORDS));
    read(wire);
    t.diagnostic(`${who} of ${wire.length} octets: ${reads()} read`);
    assert.ok(reads() > CHAIN_RECORDS * 300, 'the chain was not followed');
    assert.ok(reads() < CHAIN_RECORDS * MAX_READS_PER_RECORD, `${reads()} octets read`);
  }
});

test('a chain of thousands of pointers is rejected at its first use', () => {
  const name = rawName();
  const query = countReads(chainMessage(0x0100, name, 7000));
  assert.equal(createQueryScanner()(query.wire).verdict, 'malformed');
  assert.ok(query.reads() < 2 * MAX_READS_PER_RECORD, `${query.reads()} octets read`);

  const response = countReads(chainMessage(0x8180, name, 7000));
  assert.throws(() => parseAnswer(response.wire), { code: 'ERR_RESPONSE_MALFORMED' });
  assert.ok(response.reads() < 2 * MAX_READS_PER_RECORD, `${response.reads()} octets read`);
});
