import { formatCount, formatMs } from '../src/lib/format.ts';
import { SECONDS_PER_MINUTE } from '../src/lib/units.ts';
import { SOURCES } from './columns.ts';
import { createPlot, type Plot } from './plot.ts';
import uPlot from './uplot.js';

/** Minimum height of the scale in answers, so that an hour without queries has an axis too. */
const MIN_HEIGHT = 4;

/** Room above the highest bar, as a factor. */
const HEADROOM = 1.05;

/** Width of a minute's bar. The rest of the minute is the gap to the next one. */
const BAR_SECONDS: number = 0.86 * SECONDS_PER_MINUTE;
/** Places and widths of bars are in the unit of the time axis. */
// oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- a const enum, unusable with isolatedModules
const IN_SECONDS = 1 as uPlot.Series.BarsPathBuilderFacetUnit.ScaleValue;

/** uPlot's `Scale.Distr.Logarithmic`. */
const LOGARITHMIC = 3;
/** Possible ends of the logarithmic scale, and its marks. */
const DECADES_MS = [0.01, 0.1, 1, 10, 100, 1000, 10_000, 100_000];

/** The scale shows at least this range. */
const SCALE_MS = { from: 0.1, to: 1000 } as const;

/** Marks a minute that has no neighbours with answers: no line leads to it. */
const ISOLATED_POINTS: uPlot.Series.Points = {
  show: true,
  filter: ({ data }, series) => {
    const values = data[series] ?? [];
    const hasValue = (index: number): boolean => (values[index] ?? null) !== null;
    return [...values.keys()].filter((index) => hasValue(index) && !hasValue(index - 1) && !hasValue(index + 1));
  },
};

/** Answers per minute as stacked bars. Each bar starts at zero and is drawn over the next higher one. */
export function createAnswersPlot(element: HTMLElement, onPoint: (index: number | undefined) => void): Plot {
  const paths = uPlot.paths.bars?.({
    disp: {
      x0: { unit: IN_SECONDS, values: ({ data: [times] }) => [...times] },
      size: { unit: IN_SECONDS, values: () => [BAR_SECONDS] },
    },
  });
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
    scale: {
      // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- a const enum, unusable with isolatedModules
      distr: LOGARITHMIC,
      // Whole decades.
      range: (_plot, low, high) => [floorDecade(low ?? SCALE_MS.from), ceilDecade(high ?? SCALE_MS.to)],
    },
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
  return DECADES_MS.findLast((decade) => decade <= Math.min(ms, SCALE_MS.from)) ?? DECADES_MS[0]!;
}

function ceilDecade(ms: number): number {
  return DECADES_MS.find((decade) => decade >= Math.max(ms, SCALE_MS.to)) ?? DECADES_MS.at(-1)!;
}
