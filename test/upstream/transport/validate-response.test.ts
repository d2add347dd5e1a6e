import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Dns4torError } from '../../../src/failures/errors.ts';
import { validateResponse } from '../../../src/upstream/transport/validate-response.ts';
import { answerTo, queryFor } from '../rig.ts';

const query = queryFor('www.example.com');

test('arbitrary bytes are accepted or rejected with one of two codes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        validateResponse(query, bytes);
      } catch (error) {
        assert.ok(error instanceof Dns4torError);
        assert.match(error.code, /^ERR_RESPONSE_(MALFORMED|MISMATCH)$/);
      }
    }),
  );
});

test('no flipped bit in ID, QR, opcode, TC or question is accepted, except the case of letters', () => {
  const response = answerTo(query);
  validateResponse(query, response);
  const questionEnd = 12 + 'www.example.com'.length + 2 + 4;
  const checked = [...Array(8 * questionEnd).keys()].filter((bit) => {
    const byte = Math.floor(bit / 8);
    const mask = 0x80 >> (bit % 8);
    if (byte === 2) return (mask & 0xfa) !== 0;
    return byte < 2 || byte === 4 || byte === 5 || byte >= 12;
  });
  for (const bit of checked) {
    const byte = Math.floor(bit / 8);
    const mask = 0x80 >> (bit % 8);
    const changed = Uint8Array.from(response);
    changed[byte] = (changed[byte] as number) ^ mask;
    const isLetter =
      byte > 12 && byte < questionEnd - 4 && /[a-z]/i.test(String.fromCharCode(response[byte] as number));
    if (isLetter && mask === 0x20) validateResponse(query, changed);
    else assert.throws(() => validateResponse(query, changed), Dns4torError, `byte ${byte}, mask ${mask}`);
  }
});
