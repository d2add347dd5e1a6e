import type { HourSnapshot, MinuteSnapshot, StatusSnapshot } from '../src/status/snapshot.ts';
import { createAnswersPlot } from './answers-plot.ts';
import { LATENCIES, latencyColumns, minuteAt, SOURCES, stackedColumns, totalOf } from './columns.ts';
import { byId, create, createTable, fillRow, resize, setText } from './dom.ts';
import { formatCount, formatMs, formatShare, formatTime } from './format.ts';
import { createLatencyPlot } from './latency-plot.ts';
import type { Plot } from './plot.ts';

/** A plot, what its colours mean, and the same as a table. */
interface View {
  readonly id: string;
  readonly createPlot: (element: HTMLElement, onPoint: (index: number | undefined) => void) => Plot;
  readonly columns: typeof stackedColumns;
  readonly items: readonly { readonly className: string; readonly label: string }[];
  /** One text for each item. */
  readonly texts: (stretch: Pick<MinuteSnapshot, 'answers' | 'latency'>) => readonly string[];
}

const VIEWS: readonly View[] = [
  {
    id: 'answers',
    createPlot: createAnswersPlot,
    columns: stackedColumns,
    items: SOURCES.map(({ key, label }) => ({ className: key, label })),
    texts: ({ answers }) => SOURCES.map(({ key }) => formatCount(answers[key])),
  },
  {
    id: 'latency',
    createPlot: createLatencyPlot,
    columns: latencyColumns,
    items: LATENCIES.map(({ name, label }) => ({ className: name, label })),
    texts: ({ latency }) => LATENCIES.map(({ key }) => formatMs(latency[key])),
  },
];

/** The last hour: its figures and its plots, each with a table of the same. */
export function createHourSection(): (snapshot: StatusSnapshot) => void {
  const showFigures = createFigures(byId('figures'));
  const views = VIEWS.map(createView);
  return ({ lastHour }) => {
    showFigures(lastHour);
    for (const show of views) show(lastHour);
  };
}

function createFigures(list: HTMLElement): (hour: HourSnapshot) => void {
  const entries = ['answers', 'from the cache', 'half within', '95 of 100 within'].map((name) => {
    const value = create('dd');
    list.append(create('div', {}, create('dt', { text: name }), value));
    return value;
  });
  return ({ answers, latency }) => {
    const total = totalOf(answers);
    const texts = [
      formatCount(total),
      formatShare(answers.cache, total),
      formatMs(latency.p50Ms),
      formatMs(latency.p95Ms),
    ];
    for (const [index, entry] of entries.entries()) setText(entry, texts[index]!);
  };
}

function createView({ id, createPlot, columns, items, texts }: View): (hour: HourSnapshot) => void {
  let hour: HourSnapshot | undefined;
  let pointedAt: number | undefined;
  const legend = createLegend(byId(`${id}-legend`), items);
  const body = createTable(byId(`${id}-table`), ['minute from', ...items.map(({ label }) => label)]);
  const details = body.closest('details');

  /** Of the minute that is pointed at, or else of the whole hour. */
  const showLegend = (): void => {
    if (hour === undefined) return;
    const minute = pointedAt === undefined ? undefined : minuteAt(hour.minutes, pointedAt);
    legend(minute === undefined ? 'In the hour' : `At ${formatTime(minute.startedAtEpochMs)}`, texts(minute ?? hour));
  };
  const showTable = (): void => {
    if (hour === undefined || details?.open !== true) return;
    const minutes = hour.minutes.toReversed();
    for (const [index, row] of resize(body, minutes.length, () => create('tr')).entries()) {
      const minute = minutes[index]!;
      fillRow(row, [formatTime(minute.startedAtEpochMs), ...texts(minute)]);
    }
  };

  details?.addEventListener('toggle', showTable);
  const plot = createPlot(byId(`${id}-plot`), (index) => {
    pointedAt = index;
    showLegend();
  });
  return (latest) => {
    hour = latest;
    plot.show(columns(latest.minutes));
    showLegend();
    showTable();
  };
}

function createLegend(list: HTMLElement, items: View['items']): (when: string, texts: readonly string[]) => void {
  const whenElement = create('li', { className: 'when' });
  list.append(whenElement);
  const values = items.map(({ className, label }) => {
    const value = create('span');
    list.append(create('li', {}, create('span', { className: `swatch ${className}` }), `${label} `, value));
    return value;
  });
  return (when, texts) => {
    setText(whenElement, when);
    for (const [index, value] of values.entries()) setText(value, texts[index]!);
  };
}
