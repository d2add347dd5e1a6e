import type uPlot from './uplot.js';
import { formatMs } from '../src/lib/format.ts';
import { createPlot, type Plot } from './plot.ts';

/** uPlot's `Scale.Distr.Logarithmic`. */
const LOGARITHMIC = 3;
const DECADES_MS = [0.01, 0.1, 1, 10, 100, 1000, 10_000, 100_000];

/** Marks a minute that has no neighbours with answers: no line leads to it. */
const ISOLATED_POINTS: uPlot.Series.Points = {
  show: true,
  filter: ({ data }, series) => {
    const values = data[series] ?? [];
    const hasValue = (index: number): boolean => (values[index] ?? null) !== null;
    return [...values.keys()].filter((index) => hasValue(index) && !hasValue(index - 1) && !hasValue(index + 1));
  },
};

/**
 * Median and 95th percentile of the response time. The scale is logarithmic, because answers from the cache take
 * microseconds and answers through Tor take seconds.
 */
export function createLatencyPlot(element: HTMLElement, onPoint: (index: number | undefined) => void): Plot {
  return createPlot({
    element,
    onPoint,
    series: (color) => [
      { stroke: color('upstream'), width: 2, points: { ...ISOLATED_POINTS, size: 6, fill: color('upstream') } },
      {
        stroke: color('muted'),
        width: 1.5,
        dash: [5, 4],
        points: { ...ISOLATED_POINTS, size: 4, fill: color('muted') },
      },
    ],
    // Whole decades, at least from 0.1 ms to 1 s.
    // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- a const enum, unusable with isolatedModules
    scale: { distr: LOGARITHMIC, range: (_plot, low, high) => [floorDecade(low ?? 0.1), ceilDecade(high ?? 1000)] },
    axis: {
      splits: ({ scales }) => {
        const { min = 0, max = 0 } = scales['y'] ?? {};
        return DECADES_MS.filter((decade) => decade >= (min ?? 0) && decade <= (max ?? 0));
      },
      // uPlot would hide some labels of a logarithmic axis.
      filter: (_plot, decades) => decades,
      values: (_plot, decades) => decades.map((ms) => formatMs(ms)),
    },
  });
}

function floorDecade(ms: number): number {
  return DECADES_MS.findLast((decade) => decade <= Math.min(ms, 0.1)) ?? DECADES_MS[0]!;
}

function ceilDecade(ms: number): number {
  return DECADES_MS.find((decade) => decade >= Math.max(ms, 1000)) ?? DECADES_MS.at(-1)!;
}
