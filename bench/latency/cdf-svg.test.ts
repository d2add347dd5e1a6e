import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawCdf } from './cdf-svg.ts';

const CHART = {
  title: 'Times & shares',
  subtitle: '<all>',
  curves: [
    { label: 'one', sortedMs: [100, 1000, 10_000, Infinity] },
    { label: 'two', sortedMs: [300, 400, 500, 600] },
  ],
  mark: { label: 'best known', timeMs: 1000 },
};

/** The points of the curve `index`, left to right. */
function pointsOf(svg: string, index: number): number[][] {
  const [, path = ''] = new RegExp(`class="curve c${index}" d="M([^"]*)"`).exec(svg) ?? [];
  return path.split('L').map((point) => point.split(' ').map(Number));
}

test('a curve rises from left to right and ends at the share of answered queries', () => {
  const points = pointsOf(drawCdf(CHART), 0);
  for (const [i, [x = 0, y = 0]] of points.entries()) {
    const [previousX = -Infinity, previousY = Infinity] = points[i - 1] ?? [];
    assert.ok(x >= previousX && y <= previousY);
  }
  // The axes run from 100 ms at 64 to 10 s at 776, and from nothing at 424 to all at 88.
  assert.deepEqual(points[0], [64, 424]);
  assert.deepEqual(points.at(-1), [776, 172]);
});

test('the chart has curves, title, axes and legend, with escaped text', () => {
  const svg = drawCdf(CHART);
  assert.equal(svg.match(/<path /g)?.length, 2);
  for (const content of [
    'Times &#38; shares',
    '&#60;all&#62;',
    'share of queries answered',
    '500 ms',
    '10 s',
    '>two<',
    '>best known<',
  ]) {
    assert.ok(svg.includes(content), content);
  }
});

test('the mark is a vertical line at its time', () => {
  // Half way between 100 ms and 10 s on the logarithmic axis.
  assert.ok(drawCdf(CHART).includes('<line class="mark" x1="420" y1="88" x2="420" y2="424"/>'));
});

test('the document has a dark and a light style and refers to nothing outside', () => {
  const svg = drawCdf(CHART);
  assert.match(svg, /prefers-color-scheme: dark/);
  assert.doesNotMatch(svg.replace('http://www.w3.org/2000/svg', ''), /https?:|href|url\(|@import/);
});
