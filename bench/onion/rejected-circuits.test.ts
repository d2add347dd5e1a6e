import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawRejected } from './rejected-circuits.ts';

test('of each three circuits in a row, exactly one gets 503, at random', () => {
  const places = Array.from({ length: 300 }, (_, seed) => {
    const drawn = drawRejected(seed);
    const three = [drawn.next(), drawn.next(), drawn.next()].map(({ value }) => value);
    assert.equal(three.filter(Boolean).length, 1);
    return three.indexOf(true);
  });
  for (const place of [0, 1, 2]) assert.ok(places.filter((one) => one === place).length > 60);
});
