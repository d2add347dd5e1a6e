// docs/metrics.md, from the families and failures in the code. `node scripts/metrics-page.ts --write` writes it.
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { FAILURES } from '../src/failures/failures.ts';
import { createCounters } from '../src/metrics/counters.ts';
import { families } from '../src/metrics/families/families.ts';
import type { Family } from '../src/metrics/families/family.ts';
import type { DropReason } from '../src/metrics/metrics.ts';
import { NO_GAUGES } from '../test/metrics/no-gauges.ts';
import { renderTable } from './readme-table.ts';

export const METRICS_PAGE: URL = new URL('../docs/metrics.md', import.meta.url);

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

export function renderMetricsPage(): string {
  return `# Metrics

All that \`/metrics\` serves (see [Prometheus](../README.md#prometheus) in the README). The \`coredns_*\` names and labels are those of
CoreDNS, which \`cloudflared proxy-dns\` had too. No label holds a name that was asked for, an address of a client, or anything
that tells one Tor circuit from the next; every label has a fixed set of values. A \`slot\` is the place of a circuit among those
to an upstream: the circuit in it is replaced from time to time.

This page is written by \`node scripts/metrics-page.ts --write\`, and compared with what a running dns4tor serves by
[prometheus.test.ts](../test/protocol/prometheus.test.ts).

${renderTable(['name', 'type', 'labels', 'unit', 'what it says'], METRIC_ROWS.map(cells))}
A histogram has the three series \`_bucket\` (by \`le\`), \`_sum\` and \`_count\`. Of counters with many labels there are only those
that have counted something.

\`build_info\` is there for dashboards and alerts made for cloudflared. Its \`version\` is that of dns4tor. \`goversion\` is
empty, because dns4tor is not written in Go. \`type\` is empty, as in cloudflared's usual builds. To Prometheus, an empty
label is the same as none. cloudflared's \`revision\` is the build time. The builds of dns4tor are reproducible and record
none, so it is \`unknown\`.

## What another user of the machine learns

Every user of the machine can read the metrics on loopback. By reading them before and after a query, such a user learns

- when the query was answered, whether it came over UDP or TCP and over IPv4 or IPv6, and its type, if the \`type\` label
  lists it;
- its response code, whether the answer came from the cache, and if not, how long it took and over which circuit it
  came;
- how many blocks of 128 octets the query fills, and how many of 468 the answer fills (the blocks of RFC 8467). Names of
  up to about 80 characters fill one block, as do most answers;
- how many answers the cache holds and, once it is full, how many were evicted.

No figure states the length of a name or an answer more exactly, and none says who asked. Memory is shown only roughly,
in multiples of 64 KiB. But entries and evictions are counted exactly. A local user can fill the cache with answers of
one chosen size. The evictions that follow then show whether the next answer needs more room than that, and so roughly
how long its name is. Measured with \`--cache-size 64k\`: answers for names of 44 characters or fewer evicted none, those
for names of 48 characters or more evicted one. \`--metrics unix:/path\` prevents this.

\`--metrics unix:/path\` serves all of this, the status page included, on a unix socket that only the user and the group
of dns4tor can open (mode 0660). Other users can still learn something outside dns4tor. The time that an answer takes
shows whether it was in the cache. The kernel shows every user the memory and CPU time of a process (\`/proc\`), and how
many octets a TCP connection has carried (\`ss -ti\`), including one between a local program and dns4tor.

## Reasons

By these, \`dns4tor_failures_total\` (\`reason\`), \`dns4tor_upstream_requests_total\` and \`dns4tor_upstream_connects_total\`
(\`outcome\`) say why. The log and errors have the code.

${renderTable(['label', 'code', 'what happened, and what to do about it'], reasonRows())}
## Drops

\`dns4tor_dropped_total\`, by \`reason\`:

${renderTable(
  ['label', 'what got no answer, or was ended'],
  Object.entries(DROPS).map(([reason, text]) => [`\`${reason}\``, text]),
)}`;
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

if (import.meta.main && process.argv.includes('--write')) writeFileSync(METRICS_PAGE, renderMetricsPage());

export function readMetricsPage(): string {
  return readFileSync(METRICS_PAGE, 'utf8');
}
