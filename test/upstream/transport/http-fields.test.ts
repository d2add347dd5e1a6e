import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRetryAfterMs } from '../../../src/upstream/transport/http-fields.ts';

const DATE = 'Sun, 06 Nov 1994 08:49:37 GMT';

for (const [value, date, expected] of [
  ['0', undefined, 0],
  ['120', undefined, 120_000],
  // A larger number counts as this one (RFC 9111 §1.2.2).
  ['99999999999999999999', undefined, 2 ** 31 * 1000],
  ['Sun, 06 Nov 1994 08:50:07 GMT', DATE, 30_000],
  ['Sunday, 06-Nov-94 08:50:07 GMT', DATE, 30_000],
  ['Sun Nov  6 08:50:07 1994', DATE, 30_000],
  ['Sun, 06 Nov 1994 08:49:07 GMT', DATE, 0],
  ['Sun, 06 Nov 1994 08:50:07 GMT', undefined, undefined],
  ['Sun, 06 Nov 1994 08:50:07 GMT', 'yesterday', undefined],
  ['', DATE, undefined],
  ['-1', DATE, undefined],
  ['1.5', DATE, undefined],
  ['1e3', DATE, undefined],
  ['soon', DATE, undefined],
  [undefined, DATE, undefined],
] as const) {
  test(`RFC 9110 §10.2.3: Retry-After "${value}" beside Date "${date}" requests a delay of ${expected} ms`, () => {
    assert.equal(parseRetryAfterMs(value, date), expected);
  });
}
