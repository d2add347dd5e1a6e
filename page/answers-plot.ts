import uPlot from './uplot.js';
import { SOURCES } from './columns.ts';
import { formatCount } from './format.ts';
import { createPlot, type Plot } from './plot.ts';

/** An hour without a query has an axis all the same. */
const LEAST_HEIGHT = 4;

/** Answers a minute as stacked bars: each is drawn from the ground over the higher one before it. */
export function createAnswersPlot(element: HTMLElement, onPoint: (index: number | undefined) => void): Plot {
  const paths = uPlot.paths.bars?.({ align: 1, size: [0.86, Infinity] });
  if (paths === undefined) throw new Error('this uPlot draws no bars');
  return createPlot({
    element,
    onPoint,
    series: (color) =>
      SOURCES.toReversed().map(({ key }) => ({ paths, fill: color(key), width: 0, points: { show: false } })),
    scale: { range: (_plot, _low, high) => [0, Math.max(LEAST_HEIGHT, high * 1.05)] },
    axis: {
      values: (_plot, counts) => counts.map((count) => (Number.isInteger(count) ? formatCount(count) : '')),
    },
  });
}
