import { FAILURES } from '../../src/failures/failures.ts';
import { createCounters } from '../../src/metrics/counters.ts';
import { families } from '../../src/metrics/families/families.ts';
import type { Family } from '../../src/metrics/families/family.ts';
import type { DropReason } from '../../src/metrics/metrics.ts';
import { NO_GAUGES } from '../../test/metrics/no-gauges.ts';
import { renderTable } from './markdown.ts';

export type MetricRow = Pick<Family, 'name' | 'type' | 'unit' | 'labels' | 'help'>;

const PROCESS_LABELS = {
  space: 'as V8 names the spaces of its heap',
  handle: 'class of libuv handles',
  resource: 'kind of resource',
};

/** What prom-client adds, for every Node process. */
const OF_PROM_CLIENT: readonly MetricRow[] = [
  ['process_cpu_user_seconds_total', 'counter', 'seconds', {}, 'CPU time spent in user mode.'],
  ['process_cpu_system_seconds_total', 'counter', 'seconds', {}, 'CPU time spent in the kernel.'],
  ['process_cpu_seconds_total', 'counter', 'seconds', {}, 'CPU time spent in all.'],
  ['process_start_time_seconds', 'gauge', 'seconds', {}, 'When the process was started, since 1970.'],
  ['process_resident_memory_bytes', 'gauge', 'bytes', {}, 'Memory in RAM.'],
  ['process_virtual_memory_bytes', 'gauge', 'bytes', {}, 'Address space, most of which is no memory.'],
  ['process_heap_bytes', 'gauge', 'bytes', {}, 'Data segment, as the kernel counts it.'],
  ['process_open_fds', 'gauge', 'descriptors', {}, 'Open file descriptors.'],
  ['process_max_fds', 'gauge', 'descriptors', {}, 'How many there may be.'],
  ['nodejs_eventloop_lag_seconds', 'gauge', 'seconds', {}, 'Delay of the event loop at the moment of the scrape.'],
  ['nodejs_active_resources', 'gauge', 'resources', { type: PROCESS_LABELS.resource }, 'What keeps the process alive.'],
  ['nodejs_active_handles', 'gauge', 'handles', { type: PROCESS_LABELS.handle }, 'Open handles of libuv.'],
  ['nodejs_active_requests', 'gauge', 'requests', { type: PROCESS_LABELS.handle }, 'Requests to libuv under way.'],
  [
    'nodejs_heap_size_total_bytes',
    'gauge',
    'bytes',
    {},
    "Size of V8's heap, in which neither the cache nor messages are.",
  ],
  ['nodejs_heap_size_used_bytes', 'gauge', 'bytes', {}, 'The part of it that is in use, roughly.'],
  ['nodejs_external_memory_bytes', 'gauge', 'bytes', {}, 'Memory outside it that belongs to its objects, roughly.'],
  [
    'nodejs_heap_space_size_total_bytes',
    'gauge',
    'bytes',
    { space: PROCESS_LABELS.space },
    'Size of each space of the heap.',
  ],
  [
    'nodejs_heap_space_size_used_bytes',
    'gauge',
    'bytes',
    { space: PROCESS_LABELS.space },
    'The part of it that is in use.',
  ],
  [
    'nodejs_heap_space_size_available_bytes',
    'gauge',
    'bytes',
    { space: PROCESS_LABELS.space },
    'The part of it that is free.',
  ],
  [
    'nodejs_version_info',
    'gauge',
    'always 1',
    { version: 'of Node.js', major: '', minor: '', patch: '' },
    'Always 1; the labels say which Node runs.',
  ],
  [
    'nodejs_gc_duration_seconds',
    'histogram',
    'seconds',
    { kind: ['major', 'minor', 'incremental', 'weakcb'] },
    'Pauses for the collection of garbage; absent before the first after the first scrape.',
  ],
].map(([name, type, unit, labels, help]) => ({ name, type, unit, labels, help }) as MetricRow);

/** Everything that a scrape can hold. */
export const METRIC_ROWS: readonly MetricRow[] = [
  ...families(createCounters([], 0), NO_GAUGES, { server: '', version: '', nodeVersion: '' }),
  ...OF_PROM_CLIENT,
];

const DROPS: Readonly<Record<DropReason, string>> = {
  response: 'a message that is itself a response: answering it could go on forever',
  short: 'a message too short for a header, to which no answer can refer',
  port_zero: 'a datagram from port 0, to which nothing can be sent',
  not_allowed: 'a client beyond this machine that `--allow` does not name',
  tcp_connections:
    'a connection beyond `--tcp-connections` for which no other gave way in time, or that the kernel could not hand over',
  tcp_connections_client:
    'a connection beyond `--tcp-connections-per-client` for which no other of that client gave way in time',
  tcp_gave_way: 'a connection, usually idle, that was closed to make room for a new one',
  tcp_message: 'a connection on which a message was begun and not ended within `--tcp-message-timeout`',
  tcp_unread: 'a connection that was to end, whose client did not fetch its last answers for five seconds',
  send_failed: 'an answer that the kernel would not send, or that came when its client had gone',
  handler_failed: 'a query that met a defect in dns4tor and not even got SERVFAIL; please report it',
};

/** The table in docs/metrics.md. */
export function renderMetrics(): string {
  return renderTable(['name', 'type', 'labels', 'unit', 'meaning'], METRIC_ROWS.map(cells));
}

/** The table of failures in docs/errors.md. */
export function renderFailures(): string {
  return renderTable(['label', 'code', 'problem and remedy'], reasonRows());
}

/** The table of drops in docs/errors.md. */
export function renderDrops(): string {
  const rows = Object.entries(DROPS).map(([reason, text]) => [`\`${reason}\``, text]);
  return renderTable(['label', 'dropped or closed'], rows);
}

function cells({ name, type, labels, unit, help }: MetricRow): string[] {
  const described = Object.entries(labels).map(([label, values]) => {
    const text = typeof values === 'string' ? values : values.filter((value) => value !== '').join(', ');
    return text === '' ? `\`${label}\`` : `\`${label}\` (${text})`;
  });
  return [`\`${name}\``, type, described.join('; '), unit, help];
}

function reasonRows(): string[][] {
  return (
    Object.entries(FAILURES)
      // The others are of commands and at start, and no metric counts them.
      .filter(([, kind]) => 'ede' in kind || 'rcode' in kind)
      .map(([code, { label, sentence }]) => [`\`${label}\``, `\`${code}\``, sentence])
  );
}
