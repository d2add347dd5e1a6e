import { formatMs } from '../../lib/format.ts';
import { printable, printableJson } from '../../log/printable.ts';
import type { Provenance } from '../../message/answer/provenance.ts';
import { extendedErrorName } from '../../message/text/extended-error-names.ts';
import type { EdnsView, MessageView, RecordView } from '../../message/text/message-view.ts';

/** One reply, and how it was obtained. */
export interface Shown {
  readonly view: MessageView;
  /** Where the answer is from, if dns4tor has said so. */
  readonly provenance: Provenance | undefined;
  /** The steps of `--direct` before the query. */
  readonly steps: readonly { readonly what: string; readonly durationMs: number }[];
  /** The server, such as `127.0.0.1#53 (UDP)`. */
  readonly server: string;
  readonly durationMs: number;
  /** When the reply arrived, in milliseconds since 1970. */
  readonly atEpochMs: number;
  readonly bytes: number;
}

/** Columns of dig's output, and its tab width. */
const COLUMNS = { ttl: 24, class: 32, type: 40, data: 48 } as const;
const TAB = 8;

/** Renders the reply as dig does, and where the answer is from. */
export function renderReply(shown: Shown): string {
  const { view } = shown;
  const sections = [view.answers, view.authorities, view.additionals];
  const counts = sections.map(({ length }, i) => length + (i === 2 && view.edns !== undefined ? 1 : 0));
  const [answers = 0, authorities = 0, additionals = 0] = counts;
  return [
    ';; Got answer:',
    `;; ->>HEADER<<- opcode: ${view.opcode === 0 ? 'QUERY' : view.opcode}, status: ${view.status}, id: ${view.id}`,
    `;; flags: ${view.flags.join(' ')}; QUERY: ${view.questions.length}, ANSWER: ${answers}, AUTHORITY: ${authorities}, ADDITIONAL: ${additionals}`,
    '',
    ...(view.edns === undefined ? [] : renderEdns(view.edns)),
    ...(view.questions.length === 0 ? [] : [';; QUESTION SECTION:', ...view.questions.map(renderQuestion), '']),
    ...renderSection('ANSWER', view.answers),
    ...renderSection('AUTHORITY', view.authorities),
    ...renderSection('ADDITIONAL', view.additionals),
    ...renderProvenance(shown),
    `;; Query time: ${Math.round(shown.durationMs)} msec`,
    `;; SERVER: ${shown.server}`,
    `;; WHEN: ${formatTime(new Date(shown.atEpochMs))}`,
    `;; MSG SIZE  rcvd: ${shown.bytes}`,
    '',
  ].join('\n');
}

/** Renders only the data of the answer records, for `+short`. */
export function renderShort({ view }: Shown): string {
  return view.answers.map(({ data }) => `${data}\n`).join('');
}

/** Renders one JSON object. Its keys are stable. */
export function renderJson({ view, provenance, steps, server, durationMs, bytes }: Shown): string {
  const { edns, ...message } = view;
  const errors = (edns?.errors ?? []).map((error) => ({ ...error, name: extendedErrorName(error.code) ?? null }));
  const came = provenance ?? null;
  return `${printableJson({ ...message, errors, came, steps, server, durationMs: Math.round(durationMs), bytes })}\n`;
}

function renderEdns({ version, dnssecOk, udpPayloadBytes, errors, options }: EdnsView): string[] {
  return [
    ';; OPT PSEUDOSECTION:',
    `; EDNS: version: ${version}, flags:${dnssecOk ? ' do' : ''}; udp: ${udpPayloadBytes}`,
    ...errors.map(({ code, text }) => `; EDE: ${describeError(code, text)}`),
    ...options.map(({ code, data }) => `; OPT=${code}: ${Buffer.from(data).toString('hex')}`),
  ];
}

/** Formats an extended error as `22 (No Reachable Authority): (text)`. */
function describeError(code: number, text: string): string {
  const name = extendedErrorName(code);
  return [
    String(code),
    ...(name === undefined ? [] : [` (${name})`]),
    ...(text === '' ? [] : [`: (${printable(text)})`]),
  ].join('');
}

function renderQuestion({ name, class: className, type }: MessageView['questions'][number]): string {
  return `;${columns([
    [name, 0],
    [className, COLUMNS.class],
    [type, COLUMNS.type],
  ])}`;
}

function renderSection(title: string, records: readonly RecordView[]): string[] {
  return records.length === 0 ? [] : [`;; ${title} SECTION:`, ...records.map(renderRecord), ''];
}

function renderRecord({ name, ttl, class: className, type, data }: RecordView): string {
  return columns([
    [name, 0],
    [String(ttl), COLUMNS.ttl],
    [className, COLUMNS.class],
    [type, COLUMNS.type],
    [data, COLUMNS.data],
  ]);
}

/** Puts each cell at its column by tabs. After a cell that is too long, one space separates the next. */
function columns(cells: readonly (readonly [text: string, column: number])[]): string {
  let line = '';
  let width = 0;
  for (const [text, column] of cells) {
    if (column > 0) {
      const target = Math.max(column, width + 1);
      const tabs = Math.floor(target / TAB) - Math.floor(width / TAB);
      const from = tabs === 0 ? width : Math.floor(target / TAB) * TAB;
      line += '\t'.repeat(tabs) + ' '.repeat(target - from);
      width = target;
    }
    line += text;
    width += text.length;
  }
  return line;
}

function renderProvenance({ provenance, steps }: Shown): string[] {
  return [
    ...steps.map(({ what, durationMs }) => `;; ${what}: ${formatMs(durationMs)}`),
    ...(provenance === undefined ? [] : [`;; CAME ${describeProvenance(provenance)}`]),
  ];
}

function describeProvenance(how: Provenance): string {
  const age = how.ageSeconds === undefined ? '' : `, ${how.ageSeconds} s old`;
  switch (how.source) {
    case 'cache':
      return `from the cache${age}`;
    case 'stale':
      return `from the cache${age}, expired; the EDE above says why there is no fresh answer`;
    case 'local':
      return 'from dns4tor itself, without a query to an upstream';
    case 'failed':
      return `to nothing: failed after ${formatMs(how.totalMs)}; see the EDE above`;
    case 'upstream':
      return describeUpstream(how);
  }
}

function describeUpstream({ upstream = 'upstream', waitedMs, askedMs, secondTry, totalMs }: Provenance): string {
  const stages =
    waitedMs === undefined || askedMs === undefined
      ? `in ${formatMs(totalMs)}`
      : `sent after ${formatMs(waitedMs)}, answered ${formatMs(askedMs)} later`;
  // Only servers of routes have this scheme: they are reached by plain DNS.
  if (upstream.startsWith('dns://')) return `from ${printable(upstream)}, by a route and not through Tor, ${stages}`;
  return `through Tor from ${printable(upstream)}, ${stages}${secondTry === true ? ', by a second attempt on another circuit' : ''}`;
}

/** Formats a time as `Tue Nov 24 03:37:00 UTC 2026`, in this machine's time zone. */
function formatTime(date: Date): string {
  const zone = new Intl.DateTimeFormat('en', { timeZoneName: 'short' })
    .formatToParts(date)
    .find(({ type }) => type === 'timeZoneName');
  const [weekday, month, day, year, time] = date.toString().split(' ');
  return [weekday, month, day, time, zone?.value, year].join(' ');
}
