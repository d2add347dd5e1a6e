import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemRandom } from '../../src/lib/random.ts';
import { CoarseBytes } from '../../src/metrics/coarse-bytes.ts';

const STEP = 65_536;
/** Size of a typical answer. */
const ANSWER = 208;

/** A random source that always returns this. */
const always = (fraction: number): typeof systemRandom => ({ ...systemRandom, fraction: () => fraction });

test('0 bytes show as 0, more as at least one step, and never more than the maximum', () => {
  const shown = new CoarseBytes(systemRandom, 3.5 * STEP);
  assert.equal(shown.show(0), 0);
  assert.equal(shown.show(1), STEP);
  assert.equal(shown.show(3.2 * STEP), 3.5 * STEP);
  assert.equal(shown.show(0), 0);
});

test('the figure stays within one and a half steps of the true size', () => {
  const shown = new CoarseBytes(systemRandom, Infinity);
  for (let bytes = ANSWER; bytes < 20 * STEP; bytes += ANSWER) {
    const figure = shown.show(bytes);
    assert.equal(figure % STEP, 0);
    assert.ok(Math.abs(figure - bytes) <= 1.5 * STEP + ANSWER, `${figure} for ${bytes}`);
  }
});

test('the figure changes after a random distance between half a step and one and a half, growing and shrinking', () => {
  const changesAfter = (fraction: number, sign: 1 | -1): number => {
    const shown = new CoarseBytes(always(fraction), Infinity);
    const start = 10 * STEP - 1;
    const figure = shown.show(start);
    let moved = 0;
    while (shown.show(start + sign * moved) === figure) moved += 1024;
    return moved;
  };
  assert.equal(changesAfter(0, 1), STEP / 2);
  assert.equal(changesAfter(0.75, 1), 1.25 * STEP);
  assert.equal(changesAfter(0.5, -1), STEP);
});
