import type uPlot from './uplot.js';
import { formatMs } from './format.ts';
import { createPlot, type Plot } from './plot.ts';

const LOGARITHMIC = 3;
const DECADES_MS = [0.01, 0.1, 1, 10, 100, 1000, 10_000, 100_000];

/** A minute with answers between two without has no line to be seen by. */
const LONELY: uPlot.Series.Points = {
  show: true,
  filter: ({ data }, series) => {
    const values = data[series] ?? [];
    const isThere = (index: number): boolean => (values[index] ?? null) !== null;
    return [...values.keys()].filter((index) => isThere(index) && !isThere(index - 1) && !isThere(index + 1));
  },
};

/** Half of the answers, and nearly all, on a logarithmic scale: the cache's take microseconds, Tor's take seconds. */
export function createLatencyPlot(element: HTMLElement, onPoint: (index: number | undefined) => void): Plot {
  return createPlot({
    element,
    onPoint,
    series: (color) => [
      { stroke: color('upstream'), width: 2, points: { ...LONELY, size: 6, fill: color('upstream') } },
      { stroke: color('muted'), width: 1.5, dash: [5, 4], points: { ...LONELY, size: 4, fill: color('muted') } },
    ],
    // Whole decades, at least from a tenth of a millisecond to a second.
    // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- an ambient const enum, which no compiler of single files can look into
    scale: { distr: LOGARITHMIC, range: (_plot, low, high) => [floorDecade(low ?? 0.1), ceilDecade(high ?? 1000)] },
    axis: {
      splits: ({ scales }) => {
        const { min = 0, max = 0 } = scales['y'] ?? {};
        return DECADES_MS.filter((decade) => decade >= (min ?? 0) && decade <= (max ?? 0));
      },
      // All of them: a reader without one has nothing to go by.
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
