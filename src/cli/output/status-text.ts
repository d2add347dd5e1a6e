import {
  capitalize,
  formatBytes,
  formatCount,
  formatDuration,
  formatMs,
  formatNoun,
  formatShare,
} from '../../lib/format.ts';
import { printable } from '../../log/printable.ts';
import type { TorState } from '../../model/tor-status.ts';
import {
  ANSWER_LABELS,
  LATENCY_LABELS,
  listeningClauses,
  SYSTEM_RESOLVER_LABELS,
  TOR_KIND_LABELS,
  totalOf,
  upstreamClause,
  upstreamFailure,
} from '../../status/labels.ts';
import type {
  AnswerCounts,
  CircuitSnapshot,
  RouteSnapshot,
  ServiceState,
  StatusSnapshot,
  UpstreamSnapshot,
} from '../../status/snapshot.ts';
import { torClause } from '../../status/tor-clause.ts';
import type { Style } from './style.ts';

/** The terminal that the text is for. */
export interface Page {
  /** Columns of the terminal. */
  readonly width: number;
  readonly style: Style;
}

const LABEL_COLUMNS = 11;
const SOURCE_COLUMNS = 18;
const COUNT_COLUMNS = 9;
const SHARE_COLUMNS = 7;
const BAR_CELLS = 24;
const PER_MINUTE = ' per minute';
/** Minimum width. Narrower terminals have no room for words. */
const MIN_WIDTH = 20;
const EIGHTHS = '▁▂▃▄▅▆▇█';
/** Minimum answers per minute at full height, so that a few answers do not look like a flood. */
const MIN_PEAK = 10;

const LOOKS: Readonly<Record<ServiceState, 'green' | 'yellow' | 'red'>> = {
  starting: 'yellow',
  stuck: 'red',
  working: 'green',
  degraded: 'yellow',
  failing: 'red',
};

/** The sources of answers from top to bottom. */
const SOURCES = ['cache', 'upstream', 'stale', 'failed', 'local'] as const satisfies readonly (keyof AnswerCounts)[];

/** Renders a snapshot as lines that fit the page, or 20 columns if the page is narrower. */
export function renderStatus(snapshot: StatusSnapshot, { width, style }: Page): readonly string[] {
  const columns = Math.max(MIN_WIDTH, width);
  const { state, headline, remedy, version, uptimeSeconds } = snapshot;
  const head = [
    ...bulleted(style(LOOKS[state], '●'), headline, columns, (line) => style('bold', line)),
    ...(remedy === null ? [] : bulleted('→', remedy, columns)),
    style('dim', cut(`  dns4tor ${printable(version)}, up for ${formatDuration(uptimeSeconds)}`, columns)),
  ];
  const rows = [
    ...torRows(snapshot, columns),
    ...machineRows(snapshot, columns),
    ...clientRows(snapshot, columns),
    '',
    ...answerRows(snapshot, columns),
    '',
    ...cacheRows(snapshot),
  ].map((line) => cut(line, columns));
  return [
    ...head,
    '',
    ...rows,
    '',
    ...snapshot.upstreams.flatMap((upstream) => upstreamRows(upstream, snapshot.tor.state, columns, style)),
    ...snapshot.routes.flatMap((route) => routeRows(route, columns, style)),
    ...(snapshot.routes.length === 0 ? [] : ['']),
    ...errorRows(snapshot, columns, style),
    ...(snapshot.errors.length === 0 ? [] : ['']),
  ];
}

/** Renders why there is no snapshot, and what to do about it. */
export function renderTrouble(
  { problem, remedy }: { readonly problem: string; readonly remedy: string | undefined },
  { width, style }: Page,
): readonly string[] {
  const columns = Math.max(MIN_WIDTH, width);
  return [
    ...bulleted(style('red', '●'), `${problem}.`, columns),
    ...(remedy === undefined ? [] : bulleted('→', `${capitalize(remedy)}.`, columns)),
  ];
}

/** Wraps a sentence beside its bullet. */
function bulleted(
  bullet: string,
  sentence: string,
  columns: number,
  look: (line: string) => string = (line) => line,
): readonly string[] {
  return wrap(printable(sentence), columns - 2).map((line, i) => `${i === 0 ? bullet : ' '} ${look(line)}`);
}

function torRows(snapshot: StatusSnapshot, columns: number): string[] {
  const { reason, tor, lastAnswerSecondsAgo } = snapshot;
  const { kind, circuits, trouble } = tor;
  const sentences = [
    torClause(snapshot),
    // The headline already has the trouble unless names are still resolved over older circuits.
    ...(trouble === null || trouble.reason === reason ? [] : [trouble.problem, `→ ${trouble.remedy}`]),
  ];
  const facts = [
    ...(kind === null ? [] : [TOR_KIND_LABELS[kind]]),
    ...(circuits === null ? [] : [`${formatNoun(circuits.built, 'circuit', 'circuits')} built`]),
  ];
  const last = lastAnswerSecondsAgo === null ? 'none yet' : `${formatDuration(lastAnswerSecondsAgo)} ago`;
  const lines = [
    ...sentences.flatMap((sentence) => wrap(printable(sentence), columns - LABEL_COLUMNS)),
    ...(facts.length === 0 ? [] : [facts.join(', ')]),
    `last answer through Tor: ${last}`,
  ];
  return lines.map((line, i) => labelled(i === 0 ? 'Tor' : '', line));
}

/** Whether the programs of this machine ask dns4tor. */
function machineRows({ reason, systemResolver: { state, trouble } }: StatusSnapshot, columns: number): string[] {
  const label = SYSTEM_RESOLVER_LABELS[state];
  if (label === null) return [];
  const sentences =
    // The headline already has the trouble unless Tor has a greater one.
    trouble === null || trouble.reason === reason ? [label] : [trouble.problem, `→ ${trouble.remedy}`];
  return sentences
    .flatMap((sentence) => wrap(printable(sentence), columns - LABEL_COLUMNS))
    .map((line, i) => labelled(i === 0 ? 'Machine' : '', line));
}

/** Where clients are answered over TLS and HTTPS. */
function clientRows(snapshot: StatusSnapshot, columns: number): string[] {
  return listeningClauses(snapshot)
    .flatMap((clause) => wrap(printable(clause), columns - LABEL_COLUMNS))
    .map((line, i) => labelled(i === 0 ? 'Clients' : '', line));
}

/** The last hour: response times, answers by source, and answers per minute. */
function answerRows({ lastHour }: StatusSnapshot, columns: number): string[] {
  const { answers, latency, minutes } = lastHour;
  const total = totalOf(answers);
  const times =
    latency.p50Ms === null
      ? ''
      : `; ${LATENCY_LABELS.p50Ms} ${formatMs(latency.p50Ms)}, ${LATENCY_LABELS.p95Ms} ${formatMs(latency.p95Ms)}`;
  const perMinute = minutes.map((minute) => totalOf(minute.answers));
  return [
    labelled('Last hour', `${formatNoun(total, 'answer', 'answers')}${times}`),
    ...SOURCES.map((source) => {
      const bar = '█'.repeat(total === 0 ? 0 : Math.round((answers[source] / total) * BAR_CELLS));
      const name = ANSWER_LABELS[source].padEnd(SOURCE_COLUMNS);
      const count = formatCount(answers[source]).padStart(COUNT_COLUMNS);
      const share = formatShare(answers[source], total).padStart(SHARE_COLUMNS);
      return labelled('', `${name}${count}${share}  ${bar}`.trimEnd());
    }),
    ...(perMinute.length < 2 ? [] : [labelled('', minuteRow(perMinute, columns - LABEL_COLUMNS))]),
  ];
}

/** One cell per minute. If there is no room for all, the newest minutes are shown. */
function minuteRow(perMinute: readonly number[], cells: number): string {
  const line = sparkline(perMinute.slice(-cells));
  return line.length + PER_MINUTE.length > cells ? line : `${line}${PER_MINUTE}`;
}

function cacheRows({ cache: { entries, bytes, maxBytes } }: StatusSnapshot): string[] {
  if (maxBytes === 0) return [labelled('Cache', 'off')];
  return [
    labelled(
      'Cache',
      `${formatNoun(entries, 'answer', 'answers')}, ${formatBytes(bytes)} of ${formatBytes(maxBytes)} (${formatShare(bytes, maxBytes)})`,
    ),
  ];
}

function upstreamRows(snapshot: UpstreamSnapshot, tor: TorState, columns: number, style: Style): string[] {
  const { upstream, breaker, inFlight, circuits } = snapshot;
  const failure = upstreamFailure(snapshot, tor);
  const queries = inFlight === 0 ? '' : `, ${formatNoun(inFlight, 'query', 'queries')} in flight`;
  const state = cut(`${upstreamClause(snapshot)}${queries}`, columns - LABEL_COLUMNS);
  return [
    cut(labelled('Resolver', printable(upstream)), columns),
    labelled('', breaker === 'closed' ? state : style('red', state)),
    ...(failure === null ? [] : wrap(printable(failure), columns - LABEL_COLUMNS).map((line) => labelled('', line))),
    ...circuits.map((circuit) => cut(labelled('', describeCircuit(circuit)), columns)),
    '',
  ];
}

function describeCircuit({ slot, state, responseTimeMs, inFlight }: CircuitSnapshot): string {
  const time = responseTimeMs === null ? 'no answer yet' : `answers in ${formatMs(responseTimeMs)}`;
  return `circuit ${slot}: ${state}${state === 'open' ? `, ${time}` : ''}${inFlight === 0 ? '' : `, ${formatCount(inFlight)} in flight`}`;
}

/** One line for each server of a route, and the reason of a failure. */
function routeRows({ route, servers }: RouteSnapshot, columns: number, style: Style): string[] {
  return servers.flatMap(({ server, sentence }, i) => [
    cut(labelled(i === 0 ? 'Route' : '', `${printable(route)} to ${printable(server)}`), columns),
    ...(sentence === null
      ? []
      : wrap(printable(sentence), columns - LABEL_COLUMNS).map((line) => style('red', labelled('', line)))),
  ]);
}

function errorRows({ errors }: StatusSnapshot, columns: number, style: Style): string[] {
  return errors.flatMap(({ reason, sentence, answers, exchanges, connections }, i) => [
    cut(
      labelled(
        i === 0 ? 'Failures' : '',
        `${printable(reason)}: ${formatNoun(answers, 'query', 'queries')}, ${formatNoun(exchanges, 'exchange', 'exchanges')}, ${formatNoun(connections, 'connection', 'connections')}`,
      ),
      columns,
    ),
    ...wrap(printable(sentence), columns - LABEL_COLUMNS).map((line) => style('dim', labelled('', line))),
  ]);
}

function labelled(label: string, text: string): string {
  return `${label.padEnd(LABEL_COLUMNS)}${text}`;
}

function sparkline(values: readonly number[]): string {
  const peak = Math.max(MIN_PEAK, ...values);
  const cell = (value: number): string =>
    value === 0 ? ' ' : (EIGHTHS[Math.ceil((value / peak) * EIGHTHS.length) - 1] ?? '');
  return values.map(cell).join('');
}

/** Breaks text between words. A word longer than a line is truncated. */
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
