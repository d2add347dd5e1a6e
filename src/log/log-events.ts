import type { LogLevel } from './log-level.ts';

interface FieldSpec {
  readonly type: 'string' | 'number';
  /** One clause for the docs, with the unit. */
  readonly doc: string;
  /**
   * Whether lines with different values are counted separately as repetitions. Only for fields with few possible
   * values, because each gets a counter.
   */
  readonly apart?: boolean;
}

/**
 * Fields of a log line besides its level, time, event and message. A name means the same in all events. No field may
 * hold a queried name or a client's address.
 */
export const LOG_FIELDS = {
  address: {
    type: 'string',
    doc: 'a local socket: dns://host:port, tls://host:port, https://host:port/path, host:port, unix:/path, or unix:fd=N if it was passed in',
    apart: true,
  },
  answers: { type: 'number', doc: 'number of exchanges that failed this way' },
  code: { type: 'string', doc: 'stable code of the failure, `ERR_…`', apart: true },
  count: { type: 'number', doc: 'number of lines that were suppressed or skipped' },
  days: { type: 'number', doc: 'whole days from now' },
  file: { type: 'string', doc: 'path of a file, as configured', apart: true },
  ignored: { type: 'string', doc: 'names of flags and environment variables, separated by commas' },
  kept: { type: 'string', doc: 'names of options, separated by commas' },
  like: { type: 'string', doc: 'message of the last suppressed line' },
  of: { type: 'string', doc: 'event of the suppressed lines', apart: true },
  lines: { type: 'string', doc: 'numbers of the first lines that were skipped' },
  list: { type: 'string', doc: 'what a list is for: block or allow', apart: true },
  name: { type: 'string', doc: 'name of a socket from systemd', apart: true },
  names: { type: 'number', doc: 'number of names' },
  onions: { type: 'number', doc: 'number of onion services offered' },
  number: { type: 'number', doc: 'position in a list, from 1', apart: true },
  percent: { type: 'number', doc: "Tor's bootstrap progress, 0 to 100", apart: true },
  port: { type: 'number', doc: 'a port of this machine' },
  reason: { type: 'string', doc: 'problem and remedy, for a person' },
  removed: { type: 'number', doc: 'number of answers removed from the cache' },
  restart_seconds: { type: 'number', doc: 'seconds until the restart' },
  retry_seconds: { type: 'number', doc: 'seconds until the next attempt' },
  route: { type: 'string', doc: 'the suffix or network of a route, as configured', apart: true },
  seconds: { type: 'number', doc: 'duration' },
  servers: { type: 'string', doc: 'host:port of the servers of a route' },
  signal: { type: 'string', doc: 'name of a signal, such as SIGTERM', apart: true },
  skipped: { type: 'number', doc: 'number of lines that are not understood, and have no effect' },
  status: { type: 'number', doc: 'HTTP status of the response' },
  summary: { type: 'string', doc: "Tor's own summary of its bootstrap phase" },
  total: { type: 'number', doc: 'length of that list' },
  text: { type: 'string', doc: "a line of Tor's own log" },
  tor: { type: 'string', doc: 'kind of Tor, and its address' },
  url: { type: 'string', doc: 'the upstream, as configured', apart: true },
  variable: { type: 'string', doc: 'name of an environment variable', apart: true },
} as const;

/** Name of a field of log events. */
export type LogField = keyof typeof LOG_FIELDS;

interface EventSpec {
  /** Levels of the event. With several, `debug` is for repetitions. */
  readonly levels: readonly LogLevel[];
  /** The message, with placeholders such as `{field}`. All other fields follow it as `key=value`. */
  readonly message: string;
  /** Fields in the order in which they follow the message. */
  readonly fields: readonly LogField[];
}

/** All events that dns4tor can log, by their stable names. */
export const LOG_EVENTS = {
  variable_ignored: {
    levels: ['warn'],
    message:
      'Ignoring {variable}, which could weaken the privacy promises of dns4tor; unset it (use --upstream-ca to trust another CA)',
    fields: ['variable'],
  },
  bootstrap_ignored: {
    levels: ['info'],
    message: 'Ignoring --bootstrap: dns4tor looks nothing up outside Tor, so it needs no resolver to find the upstream',
    fields: [],
  },
  cloudflared_ignored: {
    levels: ['info'],
    message: 'Ignoring what only cloudflared uses: {ignored} (docs/cloudflared.md)',
    fields: ['ignored'],
  },
  upstream_added: { levels: ['info'], message: 'Adding DNS upstream', fields: ['url'] },
  route_added: {
    levels: ['info'],
    message: 'Sending names below {route} to {servers}, not through Tor',
    fields: ['route', 'servers'],
  },
  route_failing: {
    levels: ['warn'],
    message: 'Route {route}: {reason}',
    fields: ['route', 'reason', 'code'],
  },
  route_recovered: {
    levels: ['info'],
    message: 'Route {route}: {servers} answers again',
    fields: ['route', 'servers'],
  },
  sockets_handed_over: {
    levels: ['info'],
    message: 'Answering on the sockets passed by the service manager; ignoring --address and --port',
    fields: [],
  },
  udp_one_by_one: { levels: ['info'], message: 'Using one system call per UDP datagram: {reason}', fields: ['reason'] },
  users_unknown: {
    levels: ['warn'],
    message: 'Cannot isolate the users of this machine from each other: the system does not show the owners of sockets',
    fields: [],
  },
  listening: { levels: ['info'], message: 'Starting DNS over HTTPS proxy server', fields: ['address'] },
  listening_encrypted: { levels: ['info'], message: 'Answering encrypted queries', fields: ['address'] },
  listening_absent: {
    levels: ['warn'],
    message:
      'Not listening for encrypted queries: the service manager passed no socket named {name} (FileDescriptorName=)',
    fields: ['name', 'address'],
  },
  certificate_replaced: {
    levels: ['info'],
    message: 'Using another certificate for new connections over TLS and HTTPS',
    fields: ['days'],
  },
  certificate_kept: {
    levels: ['warn'],
    message: 'Keeping the earlier certificate, because the changed files cannot be used: {reason}',
    fields: ['reason', 'code'],
  },
  certificate_expiring: {
    levels: ['warn'],
    message:
      'The certificate for DNS over TLS and HTTPS expires in {days} days; run dns4tor certificate again, or renew it at the CA that issued it',
    fields: ['days'],
  },
  certificate_expired: { levels: ['warn'], message: '{reason}', fields: ['reason', 'code'] },
  listening_ended: {
    levels: ['info'],
    message: 'This machine no longer has the address; not listening there any more',
    fields: ['address'],
  },
  listen_failed: {
    levels: ['warn'],
    message: 'Cannot listen on one address, and trying again every two seconds: {reason}',
    fields: ['reason', 'address', 'code'],
  },
  listen_waiting: {
    levels: ['warn'],
    message: 'This machine has no address to listen on yet; waiting for one',
    fields: ['address'],
  },
  metrics_listening: {
    levels: ['info'],
    message: 'Starting metrics server on {address}/metrics',
    fields: ['address'],
  },
  metrics_elsewhere: {
    levels: ['info'],
    message: 'Another program has port {port}, where `dns4tor status` looks first: give it --metrics {address}',
    fields: ['address', 'port'],
  },
  status_page: { levels: ['info'], message: 'The status page is at http://{address}/', fields: ['address'] },
  metrics_absent: {
    levels: ['info'],
    message: 'Not serving metrics: the service manager passed no socket named metrics',
    fields: [],
  },
  metrics_failed: { levels: ['error'], message: 'Metrics server: {reason}', fields: ['reason', 'code'] },
  manager_not_told: {
    levels: ['warn'],
    message: 'Cannot notify systemd: {reason}. A unit with Type=notify then fails; install koffi or systemd-notify',
    fields: ['reason'],
  },
  stalled: {
    levels: ['warn'],
    message: 'Withholding the sign of life that systemd waits for: {reason}',
    fields: ['reason', 'seconds'],
  },
  tor_chosen: { levels: ['info'], message: 'Using {tor}', fields: ['tor'] },
  tor_not_taken: { levels: ['warn'], message: '{reason}', fields: ['reason', 'code'] },
  tor_unproven: {
    levels: ['warn'],
    message:
      "Cannot tell whether the program at {address} is Tor: accepting only certificates for the upstream's own name",
    fields: ['address'],
  },
  tor_arti: {
    levels: ['info'],
    message:
      'Tor at {address} is arti: without a control port, its state is unknown and it takes neither onion keys nor NEWNYM',
    fields: ['address'],
  },
  tor_bootstrap: {
    levels: ['info'],
    message: 'Tor is at {percent} %: {summary}',
    fields: ['percent', 'summary'],
  },
  tor_stuck: {
    levels: ['warn'],
    message: '{reason}',
    fields: ['reason', 'code', 'percent', 'seconds'],
  },
  tor_unstuck: {
    levels: ['info'],
    message: 'Tor makes progress again',
    fields: ['percent', 'seconds'],
  },
  tor_log: { levels: ['debug', 'warn', 'error'], message: 'Tor says: {text}', fields: ['text'] },
  tor_ended: { levels: ['error'], message: 'Tor ended: {reason}', fields: ['reason', 'code', 'restart_seconds'] },
  tor_followed: {
    levels: ['info'],
    message: 'Monitoring Tor through its control port at {address}',
    fields: ['address'],
  },
  tor_lost: {
    levels: ['debug', 'warn'],
    message: 'Cannot monitor Tor: {reason}',
    fields: ['reason', 'code', 'retry_seconds'],
  },
  onion_key_refused: { levels: ['warn'], message: '{reason}', fields: ['reason', 'code'] },
  newnym_sent: {
    levels: ['info'],
    message: 'Told Tor to forget which onion services it could not reach (NEWNYM)',
    fields: [],
  },
  newnym_refused: {
    levels: ['warn'],
    message: 'Cannot tell Tor to forget which onion services it could not reach: {reason}',
    fields: ['reason', 'code'],
  },
  upstream_connected: {
    levels: ['debug', 'info'],
    message: 'Connected to DNS upstream',
    fields: ['url', 'seconds'],
  },
  upstream_unreachable: {
    levels: ['debug', 'warn'],
    message: 'Cannot connect to DNS upstream: {reason}',
    fields: ['reason', 'url', 'code', 'retry_seconds'],
  },
  upstream_http_error: {
    levels: ['warn'],
    message: 'DNS upstream answers with HTTP status {status}',
    fields: ['status', 'url', 'code'],
  },
  upstream_unusable: {
    levels: ['warn'],
    message: 'DNS upstream returns unusable answers: {reason}',
    fields: ['reason', 'url', 'code'],
  },
  upstream_resets: {
    levels: ['warn'],
    message: 'DNS upstream resets requests but keeps the connection open',
    fields: ['url', 'code'],
  },
  upstream_silent: {
    levels: ['warn'],
    message: 'DNS upstream accepts connections but does not answer queries',
    fields: ['url', 'code'],
  },
  upstream_passed_over: {
    levels: ['warn'],
    message: 'DNS upstream does not answer; trying the others first until it does',
    fields: ['url'],
  },
  upstream_used_again: {
    levels: ['info'],
    message: 'DNS upstream answers again; using it as configured',
    fields: ['url', 'seconds'],
  },
  upstream_usable: {
    levels: ['info'],
    message: 'DNS upstream returns usable answers again',
    fields: ['url', 'code', 'answers', 'seconds'],
  },
  onions_offered: {
    levels: ['debug', 'info'],
    message: 'DNS upstream offers onion services; using them for new connections',
    fields: ['url', 'onions'],
  },
  onion_connected: {
    levels: ['debug', 'info'],
    message: 'DNS upstream answers at an onion service that it offers',
    fields: ['url'],
  },
  onion_unreachable: {
    levels: ['debug', 'warn'],
    message: 'Cannot use an onion service that the DNS upstream offers; connecting by name instead: {reason}',
    fields: ['reason', 'url', 'code'],
  },
  answers_come: { levels: ['info'], message: 'Answers come through Tor', fields: ['seconds'] },
  list_loaded: {
    levels: ['info'],
    message: 'Loaded a list of names',
    fields: ['file', 'list', 'names', 'skipped'],
  },
  hosts_lines_ignored: {
    levels: ['warn'],
    message: 'Ignored lines of a hosts file: an address and at least one name are expected',
    fields: ['file', 'count', 'lines'],
  },
  machine_woke: {
    levels: ['info'],
    message: 'This machine was asleep; replacing all circuits',
    fields: ['seconds'],
  },
  machine_moved: {
    levels: ['info'],
    message: 'This machine has a new network address; replacing all circuits',
    fields: [],
  },
  system_resolver_lost: { levels: ['warn'], message: '{reason}', fields: ['reason', 'code'] },
  system_resolver_back: { levels: ['info'], message: 'Programs of this machine ask dns4tor again', fields: [] },
  reloaded: {
    levels: ['info'],
    message: 'Reloaded the configuration and the files that it names',
    fields: ['removed', 'seconds'],
  },
  reload_failed: {
    levels: ['error'],
    message: 'Not reloaded, nothing has changed; problem {number} of {total}: {reason}',
    fields: ['number', 'total', 'reason', 'code'],
  },
  restart_needed: {
    levels: ['warn'],
    message: 'Still using the earlier values of {kept}: their changes need a restart',
    fields: ['kept'],
  },
  control_listening: { levels: ['info'], message: 'Taking commands at {address}', fields: ['address'] },
  control_absent: {
    levels: ['info'],
    message: 'Taking no commands, so `dns4tor flush` does not work here: {reason}',
    fields: ['reason', 'code'],
  },
  cache_flushed: { levels: ['info'], message: 'Removed {removed} answers from the cache', fields: ['removed'] },
  log_file_kept: {
    levels: ['warn'],
    message: 'Cannot reopen the log file; still writing to the open one: {reason}',
    fields: ['reason'],
  },
  stopping: { levels: ['info'], message: 'Stopping', fields: ['signal'] },
  failed: { levels: ['fatal'], message: '{reason}', fields: ['reason', 'code'] },
  repeated: {
    levels: ['debug', 'info', 'warn', 'error', 'fatal'],
    message: '… {count} more in {seconds} s, the last one: {like}',
    fields: ['count', 'seconds', 'like', 'of'],
  },
} as const;

/** Stable: monitoring depends on these names. */
export type LogEvent = keyof typeof LOG_EVENTS;

/** The levels at which an event can be logged. */
export type LevelOf<E extends LogEvent> = (typeof LOG_EVENTS)[E]['levels'][number];

/** The fields of an event with their values. */
export type FieldsOf<E extends LogEvent> = {
  readonly [F in (typeof LOG_EVENTS)[E]['fields'][number]]: (typeof LOG_FIELDS)[F]['type'] extends 'number'
    ? number
    : string;
};

/** Returns an event's row. The compiler checks all rows against the return type here. */
export function eventSpec(event: LogEvent): EventSpec {
  return LOG_EVENTS[event];
}

/** Returns the description of a field. */
export function fieldSpec(field: LogField): FieldSpec {
  return LOG_FIELDS[field];
}
