import uPlot from './uplot.js';
import { SOURCES } from './columns.ts';
import { formatCount } from '../src/lib/format.ts';
import { createPlot, type Plot } from './plot.ts';

/** Minimum height of the scale in answers, so that an hour without queries has an axis too. */
const MIN_HEIGHT = 4;

/** Room above the highest bar, as a factor. */
const HEADROOM = 1.05;

/** Answers per minute as stacked bars. Each bar starts at zero and is drawn over the next higher one. */
export function createAnswersPlot(element: HTMLElement, onPoint: (index: number | undefined) => void): Plot {
  const paths = uPlot.paths.bars?.({ align: 1, size: [0.86, Infinity] });
  if (paths === undefined) throw new Error('uPlot has no bars');
  return createPlot({
    element,
    onPoint,
    series: (color) =>
      SOURCES.toReversed().map((source) => ({ paths, fill: color(source), width: 0, points: { show: false } })),
    scale: { range: (_plot, _low, high) => [0, Math.max(MIN_HEIGHT, high * HEADROOM)] },
    axis: {
      values: (_plot, counts) => counts.map((count) => (Number.isInteger(count) ? formatCount(count) : '')),
    },
  });
}
