import uPlot from './uplot.js';
import type { Columns } from './columns.ts';
import { formatTime } from './format.ts';

/** What one plot has of its own. */
export interface PlotDesign {
  readonly element: HTMLElement;
  /** One for each column after the first, in their order; asked anew when the colours change. */
  readonly series: (color: (name: string) => string) => readonly uPlot.Series[];
  readonly scale: uPlot.Scale;
  readonly axis: Pick<uPlot.Axis, 'filter' | 'splits' | 'values'>;
  /** Told the index of the point that is pointed at; undefined when none is any more. */
  readonly onPoint: (index: number | undefined) => void;
}

export interface Plot {
  readonly show: (columns: Columns) => void;
}

const HEIGHT_PX = 192;
const MINUTE_SECONDS = 60;
const HOUR_SECONDS = 3600;
/** Of the marks on the time axis, of which as many are taken as there is room for. */
const TIME_STEPS_SECONDS = [300, 600, 900, 1800];
const TIME_STEP_PX = 56;
/** Both plots have their hour at the same place. */
const AXIS_PX = 58;
const FONT = '12px system-ui, sans-serif';

/** A plot of the last hour, as wide as its element, in the colours of the page, light or dark. */
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

/** The hour that ends with the last minute, which has its full width from its beginning. */
function hourUntil(_plot: uPlot, _first: number, last: number): [number, number] {
  const end = last + MINUTE_SECONDS;
  return [end - HOUR_SECONDS, end];
}

function optionsOf({ element, series, scale, axis, onPoint }: PlotDesign): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  const lines = { stroke: color('rule'), width: 1 };
  const common = { stroke: color('muted'), font: FONT, grid: lines, ticks: { show: false } };
  return {
    width: element.clientWidth,
    height: HEIGHT_PX,
    padding: [8, 4, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    scales: { x: { time: true, range: hourUntil }, y: scale },
    axes: [
      {
        ...common,
        grid: { show: false },
        incrs: TIME_STEPS_SECONDS,
        space: TIME_STEP_PX,
        size: 26,
        values: (_plot, seconds) => seconds.map((value) => formatTime(value * 1000)),
      },
      { ...common, size: AXIS_PX, ...axis },
    ],
    series: [{}, ...series(color)],
    hooks: { setCursor: [(plot) => onPoint(pointedAt(plot))] },
  };
}

/** The minute in which the pointer is; a point stands at the beginning of its minute. */
function pointedAt(plot: uPlot): number | undefined {
  const { left = -1 } = plot.cursor;
  if (left < 0) return undefined;
  const seconds = plot.posToVal(left, 'x');
  const index = plot.data[0].findLastIndex((startedAt) => startedAt <= seconds);
  return index === -1 ? undefined : index;
}
