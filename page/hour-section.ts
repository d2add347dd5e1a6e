import { formatCount, formatMs, formatShare } from '../src/lib/format.ts';
import { ANSWER_LABELS, LATENCY_LABELS, totalOf } from '../src/status/labels.ts';
import type { HourSnapshot, MinuteSnapshot, StatusSnapshot } from '../src/status/snapshot.ts';
import { LATENCIES, latencyColumns, SOURCES, stackedColumns } from './columns.ts';
import { byId, create, createTable, fillRow, resize, setText } from './dom.ts';
import { formatTime } from './format.ts';
import type { Plot } from './plot.ts';
import { createAnswersPlot, createLatencyPlot } from './plots.ts';

/** A plot with its legend, and the same data as a table. */
interface View {
  readonly id: string;
  readonly createPlot: (element: HTMLElement, onPoint: (index: number | undefined) => void) => Plot;
  readonly columns: typeof stackedColumns;
  readonly items: readonly { readonly className: string; readonly label: string }[];
  /** The values of the items in a minute or the hour. */
  readonly texts: (period: Pick<MinuteSnapshot, 'answers' | 'latency'>) => readonly string[];
}

const VIEWS: readonly View[] = [
  {
    id: 'answers',
    createPlot: createAnswersPlot,
    columns: stackedColumns,
    items: SOURCES.map((source) => ({ className: source, label: ANSWER_LABELS[source] })),
    texts: ({ answers }) => SOURCES.map((source) => formatCount(answers[source])),
  },
  {
    id: 'latency',
    createPlot: createLatencyPlot,
    columns: latencyColumns,
    items: LATENCIES.map((quantile) => ({ className: quantile, label: LATENCY_LABELS[quantile] })),
    texts: ({ latency }) => LATENCIES.map((quantile) => formatMs(latency[quantile])),
  },
];

/** The section on the last hour: key figures, plots, and the plots' data as tables. */
export function createHourSection(): (snapshot: StatusSnapshot) => void {
  const showFigures = createFigures(byId('figures'));
  const views = VIEWS.map(createView);
  return ({ lastHour }) => {
    showFigures(lastHour);
    for (const show of views) show(lastHour);
  };
}

function createFigures(list: HTMLElement): (hour: HourSnapshot) => void {
  const entries = ['answers', 'from the cache', 'median response time', LATENCY_LABELS.p95Ms].map((name) => {
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
  const body = createTable(byId(`${id}-table`), ['minute', ...items.map(({ label }) => label)]);
  const details = body.closest('details');

  /** Shows the values of the minute under the pointer, or else of the hour. */
  const showLegend = (): void => {
    if (hour === undefined) return;
    const minute = pointedAt === undefined ? undefined : hour.minutes[pointedAt];
    legend(minute === undefined ? 'Last hour' : `At ${formatTime(minute.startedAtEpochMs)}`, texts(minute ?? hour));
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
