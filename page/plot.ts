import { MS_PER_SECOND, SECONDS_PER_HOUR, SECONDS_PER_MINUTE } from '../src/lib/units.ts';
import type { Columns } from './columns.ts';
import { formatTime } from './format.ts';
import uPlot from './uplot.js';

/** The parts in which the plots differ. */
export interface PlotDesign {
  readonly element: HTMLElement;
  /** One series for each column after the times. Called again when the colours change. */
  readonly series: (color: (name: string) => string) => readonly uPlot.Series[];
  readonly scale: uPlot.Scale;
  readonly axis: Pick<uPlot.Axis, 'filter' | 'splits' | 'values'>;
  /** Called with the index of the point under the pointer, or undefined if there is none. */
  readonly onPoint: (index: number | undefined) => void;
}

export interface Plot {
  readonly show: (columns: Columns) => void;
}

const HEIGHT_PX = 192;
/** The shortest time that a plot shows. Otherwise the first minute would be one bar as wide as the plot. */
const MIN_SECONDS = 600;
/** Distances between the marks of the time axis. uPlot takes the smallest that leaves room for the labels. */
const TIME_STEPS_SECONDS = [60, 120, 300, 600, 900, 1800];
const TIME_STEP_PX = 56;
/** Room right of the plot for half of a label: a mark may be at its edge. */
const RIGHT_PX = 20;
/** Width of the vertical axis. It is the same in both plots, so that their hours line up. */
const AXIS_PX = 58;
const FONT = '12px system-ui, sans-serif';

/** Creates a plot of the last hour. It is as wide as its element and follows the page's light or dark colours. */
export function createPlot(design: PlotDesign): Plot {
  const { element } = design;
  let columns: Columns | undefined;
  let plot: uPlot | undefined;

  const draw = (): void => {
    plot?.destroy();
    if (columns === undefined) return;
    plot = new uPlot(optionsOf(design), columns as uPlot.AlignedData, element);
  };

  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  new ResizeObserver(() => {
    if (plot?.width !== element.clientWidth) plot?.setSize({ width: element.clientWidth, height: HEIGHT_PX });
  }).observe(element);

  return {
    show(latest) {
      columns = latest;
      if (plot === undefined) draw();
      else plot.setData(latest as uPlot.AlignedData);
    },
  };
}

/**
 * The hour that ends with the last minute, or the time since dns4tor started. The last minute has its full width from
 * its start.
 */
function lastHour({ data: [times] }: uPlot): [number, number] {
  // Not the range that uPlot passes: for a single point, it is a day.
  const end = (times.at(-1) ?? 0) + SECONDS_PER_MINUTE;
  const start = Math.max(times[0] ?? 0, end - SECONDS_PER_HOUR);
  return [start, Math.max(end, start + MIN_SECONDS)];
}

function optionsOf({ element, series, scale, axis, onPoint }: PlotDesign): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  const lines = { stroke: color('rule'), width: 1 };
  const common = { stroke: color('muted'), font: FONT, grid: lines, ticks: { show: false } };
  return {
    width: element.clientWidth,
    height: HEIGHT_PX,
    padding: [8, RIGHT_PX, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    scales: { x: { time: true, range: lastHour }, y: scale },
    axes: [
      {
        ...common,
        grid: { show: false },
        incrs: TIME_STEPS_SECONDS,
        space: TIME_STEP_PX,
        gap: 8,
        size: 29,
        values: (_plot, seconds) => seconds.map((value) => formatTime(value * MS_PER_SECOND)),
      },
      { ...common, size: AXIS_PX, ...axis },
    ],
    series: [{}, ...series(color)],
    hooks: { setCursor: [(plot) => onPoint(pointedAt(plot))] },
  };
}

/** The index of the minute under the pointer. A point is drawn at the start of its minute. */
function pointedAt(plot: uPlot): number | undefined {
  const { left = -1 } = plot.cursor;
  const [times] = plot.data;
  if (left < 0) return undefined;
  const seconds = plot.posToVal(left, 'x');
  // In the first minutes, the plot goes on beyond the last minute.
  if (seconds >= (times.at(-1) ?? 0) + SECONDS_PER_MINUTE) return undefined;
  const index = times.findLastIndex((startedAt) => startedAt <= seconds);
  return index === -1 ? undefined : index;
}
