import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeBase32 } from '../../src/model/onion-address.ts';

test('RFC 4648 §10: the test vectors, without their padding', () => {
  const vectors = [
    ['', ''],
    ['my', 'f'],
    ['mzxq', 'fo'],
    ['mzxw6', 'foo'],
    ['mzxw6yq', 'foob'],
    ['mzxw6ytb', 'fooba'],
    ['mzxw6ytboi', 'foobar'],
  ] as const;
  for (const [encoded, text] of vectors) assert.equal(Buffer.from(decodeBase32(encoded)).toString(), text);
});
