import { type ErrorCode, FAILURE_CODES, type FailureKind, failureKind } from '../../src/failures/failures.ts';
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

/** The default metrics of prom-client. */
const OF_PROM_CLIENT: readonly MetricRow[] = [
  ['process_cpu_user_seconds_total', 'counter', 'seconds', {}, 'CPU time spent in user mode.'],
  ['process_cpu_system_seconds_total', 'counter', 'seconds', {}, 'CPU time spent in the kernel.'],
  ['process_cpu_seconds_total', 'counter', 'seconds', {}, 'CPU time spent in user mode and in the kernel.'],
  ['process_start_time_seconds', 'gauge', 'seconds', {}, 'Start time of the process, in seconds since 1970.'],
  ['process_resident_memory_bytes', 'gauge', 'bytes', {}, 'Resident memory (RSS).'],
  ['process_virtual_memory_bytes', 'gauge', 'bytes', {}, 'Address space; most of it is not backed by memory.'],
  ['process_heap_bytes', 'gauge', 'bytes', {}, 'Data segment, as the kernel counts it.'],
  ['process_open_fds', 'gauge', 'descriptors', {}, 'Open file descriptors.'],
  ['process_max_fds', 'gauge', 'descriptors', {}, 'Limit of open file descriptors.'],
  ['nodejs_eventloop_lag_seconds', 'gauge', 'seconds', {}, 'Delay of the event loop at the moment of the scrape.'],
  [
    'nodejs_active_resources',
    'gauge',
    'resources',
    { type: PROCESS_LABELS.resource },
    'Resources that keep the process alive.',
  ],
  ['nodejs_active_handles', 'gauge', 'handles', { type: PROCESS_LABELS.handle }, 'Open libuv handles.'],
  ['nodejs_active_requests', 'gauge', 'requests', { type: PROCESS_LABELS.handle }, 'Active libuv requests.'],
  [
    'nodejs_heap_size_total_bytes',
    'gauge',
    'bytes',
    {},
    "Size of V8's heap, which holds neither the cache nor messages.",
  ],
  ['nodejs_heap_size_used_bytes', 'gauge', 'bytes', {}, 'Used part of the heap, roughly.'],
  [
    'nodejs_external_memory_bytes',
    'gauge',
    'bytes',
    {},
    'Memory outside the heap that belongs to its objects, roughly.',
  ],
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
    'Used part of each space of the heap.',
  ],
  [
    'nodejs_heap_space_size_available_bytes',
    'gauge',
    'bytes',
    { space: PROCESS_LABELS.space },
    'Free part of each space of the heap.',
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
    'Pauses for garbage collection; absent until the first one after the first scrape.',
  ],
].map(([name, type, unit, labels, help]) => ({ name, type, unit, labels, help }) as MetricRow);

/** Every family that a scrape can contain. */
export const METRIC_ROWS: readonly MetricRow[] = [
  ...families(createCounters([], 0), NO_GAUGES, { server: '', version: '', nodeVersion: '' }),
  ...OF_PROM_CLIENT,
];

const DROPS: Readonly<Record<DropReason, string>> = {
  response: 'a message that is itself a response; answering it could start an endless loop',
  short: 'a message that is shorter than a DNS header',
  port_zero: 'a datagram from port 0, which cannot receive a reply',
  not_allowed: 'a client on another machine that `--allow` does not include',
  tcp_connections:
    'a connection beyond `--tcp-connections` for which no other one was closed in time, or that the kernel failed to accept',
  tcp_connections_client:
    'a connection beyond `--tcp-connections-per-client` for which no other one of that client was closed in time',
  tcp_gave_way: 'a connection, usually idle, that was closed to make room for a new one',
  tcp_message: 'a connection whose message was incomplete after `--tcp-message-timeout`',
  tcp_unread: 'a closing connection whose client did not read its last answers within five seconds',
  tls_handshake:
    'a connection for DNS over TLS or HTTPS whose handshake failed or took more than five seconds, often because the client does not trust the certificate',
  send_failed: 'an answer that the kernel did not send, or whose client had disconnected',
  handler_failed: 'a query without any answer because of a defect in dns4tor; please report it',
};

/** The table in docs/metrics.md. */
export function renderMetrics(): string {
  return renderTable(['name', 'type', 'labels', 'unit', 'meaning'], METRIC_ROWS.map(cells));
}

/** The table of failures in docs/errors.md. */
export function renderFailures(): string {
  const rows = queryFailures().map(({ label, code, problem, remedy = '' }) => [
    `\`${label}\``,
    `\`${code}\``,
    problem,
    remedy,
  ]);
  return renderTable(['label', 'code', 'problem', 'remedy'], rows);
}

/** The table of other errors in docs/errors.md. */
export function renderCommandFailures(): string {
  const rows = commandFailures().map(({ code, problem, remedy = '' }) => [`\`${code}\``, problem, remedy]);
  return renderTable(['code', 'problem', 'remedy'], rows);
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

/** Errors that a query can meet; metrics count them. */
function queryFailures(): readonly Failure[] {
  return failures().filter(({ ede, rcode }) => ede !== undefined || rcode !== undefined);
}

/** Errors of commands and at start. */
function commandFailures(): readonly Failure[] {
  return failures().filter(
    ({ code, ede, rcode }) => ede === undefined && rcode === undefined && !STALE_REASONS.includes(code),
  );
}

/** Only texts in the Extended DNS Error of a stale answer. */
const STALE_REASONS: readonly ErrorCode[] = ['ERR_SLOW', 'ERR_RECHECK'];

interface Failure extends FailureKind {
  readonly code: ErrorCode;
}

function failures(): readonly Failure[] {
  return FAILURE_CODES.map((code) => ({ code, ...failureKind(code) }));
}
