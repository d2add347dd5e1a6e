import type { LogLevel } from './log-level.ts';

export interface FieldSpec {
  readonly type: 'string' | 'number';
  /** One clause, with the unit where there is one. */
  readonly doc: string;
  /** Whether lines that differ in it are no repetition of each other. Only for values of a closed set: each is counted by itself. */
  readonly apart?: boolean;
}

/** What a line can say beside its level, time, event and message. A name means the same in every event. Never a query name or a client. */
export const LOG_FIELDS = {
  address: {
    type: 'string',
    doc: 'a local socket: dns://host:port, host:port, unix:/path, or unix:fd=N if it was passed in',
    apart: true,
  },
  answers: { type: 'number', doc: 'number of exchanges that failed this way' },
  code: { type: 'string', doc: 'stable code of the failure, `ERR_…`', apart: true },
  count: { type: 'number', doc: 'lines that were left out' },
  like: { type: 'string', doc: 'message of the last of them' },
  of: { type: 'string', doc: 'their event', apart: true },
  onions: { type: 'number', doc: 'how many onions are offered' },
  percent: { type: 'number', doc: "Tor's way to its network, 0 to 100", apart: true },
  reason: { type: 'string', doc: 'what happened and what to do about it, for a person' },
  restart_seconds: { type: 'number', doc: 'seconds until it is started again' },
  retry_seconds: { type: 'number', doc: 'seconds until the next attempt' },
  seconds: { type: 'number', doc: 'how long it took or went on' },
  signal: { type: 'string', doc: 'as in SIGTERM', apart: true },
  status: { type: 'number', doc: 'HTTP status of the response' },
  summary: { type: 'string', doc: "what Tor is doing, in Tor's words" },
  text: { type: 'string', doc: "a line of Tor's own log" },
  tor: { type: 'string', doc: 'which Tor, and where' },
  url: { type: 'string', doc: 'the upstream, as configured', apart: true },
  variable: { type: 'string', doc: 'name of an environment variable', apart: true },
} as const;

export type LogField = keyof typeof LOG_FIELDS;

export interface EventSpec {
  /** At which it can be logged: the stronger when it is news, `debug` when it only repeats. */
  readonly levels: readonly LogLevel[];
  /** What a person reads; `{field}` stands for that field's value. Fields that do not occur here stand behind it, as `key=value`. */
  readonly message: string;
  /** In this order behind the message. */
  readonly fields: readonly LogField[];
}

/** Every line that dns4tor can log: the one table of events, their stable names and fields. */
export const LOG_EVENTS = {
  variable_ignored: {
    levels: ['warn'],
    message:
      'Ignoring {variable}, which could weaken the privacy promises of dns4tor; unset it (use --upstream-ca to trust another CA)',
    fields: ['variable'],
  },
  bootstrap_ignored: {
    levels: ['info'],
    message:
      'Ignoring --bootstrap: nothing is ever looked up outside Tor, so no resolver is needed to find the upstream',
    fields: [],
  },
  upstream_added: { levels: ['info'], message: 'Adding DNS upstream', fields: ['url'] },
  sockets_handed_over: {
    levels: ['info'],
    message: 'Answering on the sockets that were handed over; --address and --port are not used',
    fields: [],
  },
  udp_one_by_one: { levels: ['info'], message: 'UDP datagrams are taken one by one: {reason}', fields: ['reason'] },
  users_unknown: {
    levels: ['warn'],
    message: 'Users of this machine cannot be told apart: the system does not say whose a socket is',
    fields: [],
  },
  listening: { levels: ['info'], message: 'Starting DNS over HTTPS proxy server', fields: ['address'] },
  metrics_listening: {
    levels: ['info'],
    message: 'Starting metrics server on {address}/metrics',
    fields: ['address'],
  },
  status_page: { levels: ['info'], message: 'The status page is at http://{address}/', fields: ['address'] },
  metrics_absent: {
    levels: ['info'],
    message: 'Not serving metrics: there is no socket named metrics among those that were handed over',
    fields: [],
  },
  metrics_failed: { levels: ['error'], message: 'Metrics server: {reason}', fields: ['reason', 'code'] },
  tor_chosen: { levels: ['info'], message: 'Using {tor}', fields: ['tor'] },
  tor_not_taken: { levels: ['warn'], message: '{reason}', fields: ['reason', 'code'] },
  tor_unproven: {
    levels: ['warn'],
    message:
      "Cannot tell whether the program at {address} is Tor: accepting only certificates for the upstream's own name",
    fields: ['address'],
  },
  tor_bootstrap: {
    levels: ['info'],
    message: 'Tor is at {percent} %: {summary}',
    fields: ['percent', 'summary'],
  },
  tor_log: { levels: ['debug', 'warn', 'error'], message: 'Tor says: {text}', fields: ['text'] },
  tor_ended: { levels: ['error'], message: 'Tor ended: {reason}', fields: ['reason', 'code', 'restart_seconds'] },
  tor_followed: {
    levels: ['info'],
    message: 'Following Tor over its control port at {address}',
    fields: ['address'],
  },
  tor_lost: {
    levels: ['debug', 'warn'],
    message: 'Cannot follow Tor: {reason}',
    fields: ['reason', 'code', 'retry_seconds'],
  },
  onion_key_refused: { levels: ['warn'], message: '{reason}', fields: ['reason', 'code'] },
  newnym_sent: {
    levels: ['info'],
    message: 'Tor has been told to forget which onion services it could not reach (NEWNYM)',
    fields: [],
  },
  newnym_refused: {
    levels: ['warn'],
    message: 'Tor cannot be told to forget which onion services it could not reach: {reason}',
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
    message: 'DNS upstream does not answer; the others are asked first until it does',
    fields: ['url'],
  },
  upstream_used_again: {
    levels: ['info'],
    message: 'DNS upstream answers again and is asked in its turn',
    fields: ['url', 'seconds'],
  },
  upstream_usable: {
    levels: ['info'],
    message: 'DNS upstream returns usable answers again',
    fields: ['url', 'code', 'answers', 'seconds'],
  },
  onions_offered: {
    levels: ['debug', 'info'],
    message: 'DNS upstream offers onions; later connections go there',
    fields: ['url', 'onions'],
  },
  onion_connected: {
    levels: ['debug', 'info'],
    message: 'DNS upstream answers at an onion that it offers',
    fields: ['url'],
  },
  onion_unreachable: {
    levels: ['debug', 'warn'],
    message: 'DNS upstream cannot be used at an onion that it offers, and is connected to by its name: {reason}',
    fields: ['reason', 'url', 'code'],
  },
  answers_come: { levels: ['info'], message: 'Answers come through Tor', fields: ['seconds'] },
  machine_woke: {
    levels: ['info'],
    message: 'This machine has slept; all circuits are renewed',
    fields: ['seconds'],
  },
  machine_moved: {
    levels: ['info'],
    message: 'This machine has a new network address; all circuits are renewed',
    fields: [],
  },
  log_file_kept: {
    levels: ['warn'],
    message: 'Cannot reopen the log file; logging continues to the one that is open: {reason}',
    fields: ['reason'],
  },
  stopping: { levels: ['info'], message: 'Stopping', fields: ['signal'] },
  failed: { levels: ['fatal'], message: '{reason}', fields: ['reason', 'code'] },
  repeated: {
    levels: ['debug', 'info', 'warn', 'error', 'fatal'],
    message: '… {count} more in {seconds} s, the last of them: {like}',
    fields: ['count', 'seconds', 'like', 'of'],
  },
} as const;

/** Stable: monitoring matches on it. */
export type LogEvent = keyof typeof LOG_EVENTS;

export type LevelOf<E extends LogEvent> = (typeof LOG_EVENTS)[E]['levels'][number];

/** The values of an event's fields: all of them, and no others. */
export type FieldsOf<E extends LogEvent> = {
  readonly [F in (typeof LOG_EVENTS)[E]['fields'][number]]: (typeof LOG_FIELDS)[F]['type'] extends 'number'
    ? number
    : string;
};

/** The table's row, where code does not depend on which it is. Here the compiler holds every row against the type. */
export function eventSpec(event: LogEvent): EventSpec {
  return LOG_EVENTS[event];
}

export function fieldSpec(field: LogField): FieldSpec {
  return LOG_FIELDS[field];
}
