import { formatDuration, formatMs } from '../../lib/duration.ts';
import { printable } from '../../log/printable.ts';
import type { TorKind } from '../../model/tor-status.ts';
import type {
  AnswerCounts,
  CircuitSnapshot,
  ServiceState,
  StatusSnapshot,
  UpstreamSnapshot,
} from '../../status/snapshot.ts';
import { formatBytes, formatCount, formatNoun } from './quantity-text.ts';
import type { Style } from './style.ts';

export interface Page {
  /** Columns of the terminal. */
  readonly width: number;
  readonly style: Style;
}

const LABEL_COLUMNS = 11;
const SOURCE_COLUMNS = 10;
const BAR_CELLS = 24;
const BY_THE_MINUTE = ' by the minute';
/** On less there is no room for the words. */
const MIN_WIDTH = 20;
const EIGHTHS = '▁▂▃▄▅▆▇█';
/** Below ten answers a minute they would all look like a flood. */
const MIN_PEAK = 10;

const LOOKS: Readonly<Record<ServiceState, 'green' | 'yellow' | 'red'>> = {
  starting: 'yellow',
  working: 'green',
  degraded: 'yellow',
  failing: 'red',
};

/** Where answers come from, in the words of the status page. */
export const SOURCES: readonly (readonly [keyof AnswerCounts, string])[] = [
  ['cache', 'cache'],
  ['upstream', 'resolver'],
  ['stale', 'expired'],
  ['failed', 'failed'],
  ['local', 'made here'],
];

/** So, too. */
export const TOR_KINDS: Readonly<Record<TorKind, string>> = {
  external: 'one that dns4tor did not start',
  managed: 'one that dns4tor started',
};

/** How it stands, in lines no longer than the page is wide, which is taken for 20 columns at least. */
export function renderStatus(snapshot: StatusSnapshot, { width, style }: Page): readonly string[] {
  const columns = Math.max(MIN_WIDTH, width);
  const { state, sentence, version, uptimeSeconds } = snapshot;
  const head = [
    ...wrap(printable(sentence), columns - 2).map(
      (line, i) => `${i === 0 ? style(LOOKS[state], '●') : ' '} ${style('bold', line)}`,
    ),
    style('dim', cut(`  dns4tor ${printable(version)}, up for ${formatDuration(uptimeSeconds)}`, columns)),
  ];
  const rows = [...torRows(snapshot), '', ...answerRows(snapshot, columns), '', ...cacheRows(snapshot)].map((line) =>
    cut(line, columns),
  );
  return [
    ...head,
    '',
    ...rows,
    '',
    ...snapshot.upstreams.flatMap((upstream) => upstreamRows(upstream, columns, style)),
    ...errorRows(snapshot, columns, style),
    ...(snapshot.errors.length === 0 ? [] : ['']),
  ];
}

/** That it cannot be said, and why. */
export function renderTrouble(message: string, { width, style }: Page): readonly string[] {
  return wrap(printable(message), Math.max(MIN_WIDTH, width) - 2).map((line, i) =>
    i === 0 ? `${style('red', '●')} ${line}` : `  ${line}`,
  );
}

function torRows({ tor, lastAnswerSecondsAgo }: StatusSnapshot): string[] {
  const { kind, state, bootstrapPercent, bootstrapSummary, circuits } = tor;
  const facts = [
    state,
    ...(kind === null ? [] : [TOR_KINDS[kind]]),
    ...(state === 'bootstrapping' ? [`${bootstrapPercent} %`] : []),
    ...(state === 'bootstrapping' && bootstrapSummary !== null ? [printable(bootstrapSummary)] : []),
    ...(circuits === null ? [] : [`${formatNoun(circuits.built, 'circuit', 'circuits')} built`]),
  ];
  const last = lastAnswerSecondsAgo === null ? 'none yet' : `${formatDuration(lastAnswerSecondsAgo)} ago`;
  return [labelled('Tor', facts.join(', ')), labelled('', `last answer through it: ${last}`)];
}

/** The last hour: shares, how long answers took, and each minute. */
function answerRows({ lastHour }: StatusSnapshot, columns: number): string[] {
  const { answers, latency, minutes } = lastHour;
  const total = sum(answers);
  const times =
    latency.p50Ms === null
      ? ''
      : `; half within ${formatMs(latency.p50Ms)}, 95 of 100 within ${formatMs(latency.p95Ms)}`;
  const perMinute = minutes.map((minute) => sum(minute.answers));
  return [
    labelled('Last hour', `${formatNoun(total, 'answer', 'answers')}${times}`),
    ...SOURCES.map(([source, name]) => {
      const share = total === 0 ? 0 : answers[source] / total;
      const bar = '█'.repeat(Math.round(share * BAR_CELLS));
      return labelled(
        '',
        `${name.padEnd(SOURCE_COLUMNS)}${formatCount(answers[source]).padStart(9)}${`${Math.round(share * 100)} %`.padStart(7)}  ${bar}`.trimEnd(),
      );
    }),
    ...(perMinute.length < 2 ? [] : [labelled('', minuteRow(perMinute, columns - LABEL_COLUMNS))]),
  ];
}

/** One cell for each minute, the newest of them where there is no room for all. */
function minuteRow(perMinute: readonly number[], cells: number): string {
  const line = sparkline(perMinute.slice(-cells));
  return line.length + BY_THE_MINUTE.length > cells ? line : `${line}${BY_THE_MINUTE}`;
}

function cacheRows({ cache: { entries, bytes, maxBytes } }: StatusSnapshot): string[] {
  if (maxBytes === 0) return [labelled('Cache', 'off')];
  const share = Math.round((bytes / maxBytes) * 100);
  return [
    labelled(
      'Cache',
      `${formatNoun(entries, 'answer', 'answers')}, ${formatBytes(bytes)} of ${formatBytes(maxBytes)} (${share} %)`,
    ),
  ];
}

function upstreamRows(
  { upstream, breaker, sentence, inFlight, circuits }: UpstreamSnapshot,
  columns: number,
  style: Style,
): string[] {
  const isDown = breaker !== 'closed';
  const state = cut(isDown ? 'cannot be reached' : `${formatCount(inFlight)} waiting`, columns - LABEL_COLUMNS);
  return [
    cut(labelled('Resolver', printable(upstream)), columns),
    labelled('', isDown ? style('red', state) : state),
    ...(sentence === null ? [] : wrap(printable(sentence), columns - LABEL_COLUMNS).map((line) => labelled('', line))),
    ...circuits.map((circuit) => cut(labelled('', describeCircuit(circuit)), columns)),
    '',
  ];
}

function describeCircuit({ slot, state, responseTimeMs, inFlight }: CircuitSnapshot): string {
  const time = responseTimeMs === null ? 'no answer yet' : `answers in ${formatMs(responseTimeMs)}`;
  return `circuit ${slot}: ${state}${state === 'open' ? `, ${time}` : ''}${inFlight === 0 ? '' : `, ${formatCount(inFlight)} waiting`}`;
}

function errorRows({ errors }: StatusSnapshot, columns: number, style: Style): string[] {
  return errors.flatMap(({ reason, sentence, answers, exchanges, connections }, i) => [
    cut(
      labelled(
        i === 0 ? 'Failures' : '',
        `${printable(reason)}: ${formatNoun(answers, 'answer', 'answers')}, ${formatNoun(exchanges, 'try', 'tries')}, ${formatNoun(connections, 'connection', 'connections')}`,
      ),
      columns,
    ),
    ...wrap(printable(sentence), columns - LABEL_COLUMNS).map((line) => style('dim', labelled('', line))),
  ]);
}

function labelled(label: string, text: string): string {
  return `${label.padEnd(LABEL_COLUMNS)}${text}`;
}

function sum(answers: AnswerCounts): number {
  return SOURCES.reduce((total, [source]) => total + answers[source], 0);
}

function sparkline(values: readonly number[]): string {
  const peak = Math.max(MIN_PEAK, ...values);
  const cell = (value: number): string =>
    value === 0 ? ' ' : (EIGHTHS[Math.ceil((value / peak) * EIGHTHS.length) - 1] ?? '');
  return values.map(cell).join('');
}

/** Lines of whole words; a word that is longer than a line is cut. */
function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= columns) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(cut(word, columns));
  }
  return lines;
}

function cut(line: string, columns: number): string {
  return line.length <= columns ? line : `${line.slice(0, columns - 1)}…`;
}
