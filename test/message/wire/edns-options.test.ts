import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOptions } from '../../../src/message/wire/edns.ts';

const TWO = Uint8Array.of(0, 10, 0, 3, 1, 2, 3, 0, 11, 0, 0);

test('RFC 6891 §6.1.2: options are code, length and data, one behind the other', () => {
  assert.deepEqual(readOptions(TWO, 0, TWO.length), [
    { code: 10, dataStart: 4, dataEnd: 7 },
    { code: 11, dataStart: 11, dataEnd: 11 },
  ]);
  assert.deepEqual(readOptions(TWO, 0, 0), []);
});

test('lengths that do not come out at the end of the record are none', () => {
  for (let end = 1; end < TWO.length; end++) {
    assert.equal(readOptions(TWO, 0, end) === undefined, end !== 7, `cut off at ${end}`);
  }
});
