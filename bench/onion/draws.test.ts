import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawExponential, drawNormal, drawWeighted, normalDeviate, zipfRanks } from './draws.ts';
import { createSeededRandom } from './seeded-random.ts';

const DRAWS = 100_000;

function shareOf<T>(drawn: readonly T[], value: T): number {
  return drawn.filter((one) => one === value).length / drawn.length;
}

test('ranks follow the given exponent', () => {
  const random = createSeededRandom(1);
  const rankOf = zipfRanks(1000, 0.91);
  const drawn = Array.from({ length: DRAWS }, () => rankOf(random.fraction()));
  const first = shareOf(drawn, 0);
  for (const place of [2, 4, 8, 16]) {
    const ratio = shareOf(drawn, place - 1) / first / place ** -0.91;
    assert.ok(ratio > 0.9 && ratio < 1.1, `${place}: ${ratio}`);
  }
  assert.equal(rankOf(0), 0);
  assert.equal(rankOf(1 - Number.EPSILON), 999);
});

test('values are drawn by their weights', () => {
  const random = createSeededRandom(2);
  const drawn = Array.from({ length: DRAWS }, () =>
    drawWeighted(random, [
      ['often', 3],
      ['seldom', 1],
      ['never', 0],
    ]),
  );
  assert.ok(Math.abs(shareOf(drawn, 'often') - 0.75) < 0.01);
  assert.equal(shareOf(drawn, 'never'), 0);
});

test('times between events have the given mean and no memory', () => {
  const random = createSeededRandom(3);
  const drawn = Array.from({ length: DRAWS }, () => drawExponential(random, 500));
  assert.ok(Math.abs(drawn.reduce((sum, time) => sum + time, 0) / DRAWS - 500) < 10);
  const late = drawn.filter((time) => time > 500);
  assert.ok(Math.abs(late.reduce((sum, time) => sum + time - 500, 0) / late.length - 500) < 20);
});

test('normal deviates match the published tables', () => {
  for (const [probability, deviate] of [
    [0.5, 0],
    [0.25, -0.67449],
    [0.95, 1.64485],
    [0.999, 3.09023],
  ] as const) {
    assert.ok(Math.abs(normalDeviate(probability) - deviate) < 5e-4, `${probability}`);
  }
  assert.ok(Number.isFinite(normalDeviate(0)) && Number.isFinite(normalDeviate(1)));
});

test('normal draws have mean 0 and variance 1', () => {
  const random = createSeededRandom(4);
  const drawn = Array.from({ length: DRAWS }, () => drawNormal(random));
  assert.ok(Math.abs(drawn.reduce((sum, value) => sum + value, 0) / DRAWS) < 0.02);
  assert.ok(Math.abs(drawn.reduce((sum, value) => sum + value ** 2, 0) / DRAWS - 1) < 0.02);
});
