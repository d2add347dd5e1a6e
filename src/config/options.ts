import { ANSWER_OPTIONS } from './options/answer-options.ts';
import { ENCRYPTED_OPTIONS } from './options/encrypted-options.ts';
import { ROUTE_OPTIONS } from './options/route-options.ts';
import { TOR_OPTIONS } from './options/tor-options.ts';
import type { OptionKind } from './parse/kinds.ts';

/** One option. Default and bounds are in the notation of the values, which `kinds.ts` parses. */
export interface OptionSpec {
  readonly kind: OptionKind;
  /** Heading in `--help`. */
  readonly group: 'Listening' | 'Encrypted listening' | 'Upstream' | 'Tor' | 'Answers' | 'Limits' | 'Operation';
  /** Name of the value in `--help`. */
  readonly placeholder: string;
  /** One clause without a full stop: first what the option does, then what else to know. */
  readonly doc: string;
  /** Absent for an option that may be unset; `unset` then says what that means. */
  readonly default?: string;
  readonly unset?: string;
  /** Inclusive bounds. */
  readonly min?: string;
  readonly max?: string;
  /** Present if the option may be repeated. Each text may hold several values, separated by `separator`. */
  readonly list?: { readonly separator: ',' | '\n'; readonly maxItems: number };
  /**
   * Another notation for a list in the configuration file: a table whose lines are `key = value`. Each value, or each
   * item of a list, stands for the text `key=value`.
   */
  readonly table?: OptionTable;
  /** cloudflared's environment variable for the same setting. `DNS4TOR_<KEY>` takes precedence. */
  readonly cloudflaredEnv?: string;
  /** Whether its values are never shown: not by `--check`, and not in problems. @default false */
  readonly secret?: boolean;
  /** Whether an empty list on the command line is refused, as from an unset variable of a script. @default false */
  readonly neverEmpty?: boolean;
  /** Limits where the option can be set. @default everywhere */
  readonly scope?: 'flag' | 'flag and env';
}

/** The table that a configuration file may have in place of an option's list. */
export interface OptionTable {
  /** Name in the file: `routes` for `[routes]`. Differs from every key. */
  readonly name: string;
  /** Lines that show the notation. */
  readonly examples: readonly string[];
}

/**
 * Every option of `proxy-dns`. This table is the only source of the flags, environment variables, configuration keys,
 * defaults, bounds, help and documentation. A key is used in the configuration file; the flag is `--<key>`.
 */
export const OPTIONS = {
  address: {
    kind: 'listen-address',
    group: 'Listening',
    placeholder: 'ip',
    doc: 'IP address to listen on; localhost means 127.0.0.1 and, if the machine has it, ::1; 0.0.0.0 and :: follow the addresses of the machine',
    default: 'localhost',
    list: { separator: ',', maxItems: 16 },
    cloudflaredEnv: 'TUNNEL_DNS_ADDRESS',
  },
  port: {
    kind: 'integer',
    group: 'Listening',
    placeholder: 'port',
    doc: 'UDP and TCP port to listen on; 0 chooses a free one and logs it',
    default: '53',
    min: '0',
    max: '65535',
    cloudflaredEnv: 'TUNNEL_DNS_PORT',
  },
  allow: {
    kind: 'cidr',
    group: 'Listening',
    placeholder: 'cidr',
    doc: 'other machines that may query, such as 192.168.1.0/24; queries from all others are dropped',
    unset: 'none; dns4tor then refuses to start with an --address other than loopback',
    list: { separator: ',', maxItems: 256 },
  },
  'udp-io': {
    kind: 'udp-io',
    group: 'Listening',
    placeholder: 'how',
    doc: 'UDP system calls: many datagrams per call (batch; half the CPU time, needs Linux and the npm package koffi), one each (dgram), or batch if available (auto)',
    default: 'auto',
  },
  ...ENCRYPTED_OPTIONS,
  upstream: {
    kind: 'upstream-url',
    group: 'Upstream',
    placeholder: 'url',
    doc: 'resolver, always reached through Tor: https:// (DNS over HTTPS; without a path, /dns-query), tls:// (DNS over TLS), sdns:// (DNS stamp of one of these) or, for onion services, tcp:// (plain DNS); several are tried in order',
    default: 'https://dns4torpnlfs2ifuz2s2yf3fc7rdmsbhm6rw75euj35pac6ap25zgqad.onion/dns-query',
    list: { separator: ',', maxItems: 16 },
    cloudflaredEnv: 'TUNNEL_DNS_UPSTREAM',
  },
  'upstream-strategy': {
    kind: 'upstream-strategy',
    group: 'Upstream',
    placeholder: 'how',
    doc: 'use of several upstreams: the next one only if the first fails (order), or each for its share of the domains (shard), so that no resolver sees all domains',
    default: 'order',
  },
  bootstrap: {
    kind: 'text',
    group: 'Upstream',
    placeholder: 'url',
    doc: 'ignored; accepted for compatibility with cloudflared, since dns4tor never looks up names outside Tor',
    unset: 'nothing',
    list: { separator: ',', maxItems: 64 },
    cloudflaredEnv: 'TUNNEL_DNS_BOOTSTRAP',
  },
  'max-upstream-conns': {
    kind: 'integer',
    group: 'Upstream',
    placeholder: 'number',
    doc: 'maximum connections per upstream, if less than --circuits; each has its own Tor circuit; 0 is unlimited, as in cloudflared',
    default: '5',
    min: '0',
    max: '64',
    cloudflaredEnv: 'TUNNEL_DNS_MAX_UPSTREAM_CONNS',
  },
  circuits: {
    kind: 'integer',
    group: 'Upstream',
    placeholder: 'number',
    doc: 'Tor circuits per upstream, each with its own connection; dns4tor keeps the fastest of those it tries, and sends a slow query on a second circuit, too',
    default: '3',
    min: '1',
    max: '16',
  },
  // The time for which Tor itself uses a circuit for new streams (MaxCircuitDirtiness). That does not end open streams.
  'circuit-lifetime': {
    kind: 'duration',
    group: 'Upstream',
    placeholder: 'duration',
    doc: 'how long circuits are used before new ones replace all of them; varies by a fifth',
    default: '10m',
    min: '10s',
    max: '1d',
  },
  isolate: {
    kind: 'isolation',
    group: 'Upstream',
    placeholder: 'whom',
    doc: 'stream isolation, that is whose queries never share a Tor circuit: those to different upstreams, those of different clients (users of this machine, or addresses), or none',
    default: 'upstream',
  },
  'alt-svc': {
    kind: 'boolean',
    group: 'Upstream',
    placeholder: 'boolean',
    doc: 'use the onion services that an upstream advertises (Alt-Svc, RFC 7838), as long as they work',
    default: 'true',
  },
  'upstream-name': {
    kind: 'host-name',
    group: 'Upstream',
    placeholder: 'name',
    doc: "name to accept in the certificate instead of the URL's host, for every upstream",
    unset: "the URL's host; for the default upstream also tor.cloudflare-dns.com and cloudflare-dns.com",
    list: { separator: ',', maxItems: 16 },
  },
  'upstream-ca': {
    kind: 'certificate-file',
    group: 'Upstream',
    placeholder: 'file',
    doc: 'PEM file of additional trusted certificate authorities, for every upstream',
    unset: 'only the usual authorities',
  },
  'upstream-pin': {
    kind: 'pin',
    group: 'Upstream',
    placeholder: 'pin',
    doc: 'pin of a public key (sha256/…), for every upstream; one must match, in addition to a valid certificate',
    unset: 'any key',
    list: { separator: ',', maxItems: 16 },
  },
  'upstream-tls-min': {
    kind: 'tls-version',
    group: 'Upstream',
    placeholder: 'version',
    doc: 'minimum TLS version, for every upstream; TLS 1.2 shows the certificate to the exit relay',
    default: '1.3',
  },
  'allow-plaintext-exit': {
    kind: 'boolean',
    group: 'Upstream',
    placeholder: 'boolean',
    doc: 'allow tcp:// upstreams that are not onion services, although the exit relay and every network behind it can read and change the answers',
    default: 'false',
  },
  ...ROUTE_OPTIONS,
  ...TOR_OPTIONS,
  ...ANSWER_OPTIONS,
  'max-in-flight': {
    kind: 'integer',
    group: 'Limits',
    placeholder: 'number',
    doc: 'maximum queries waiting for an upstream, for all clients together; beyond half of it, the client with the most queries loses its oldest to a client with fewer; at the limit, new queries fail at once',
    default: '1024',
    min: '1',
    max: '65536',
  },
  'max-in-flight-per-client': {
    kind: 'integer',
    group: 'Limits',
    placeholder: 'number',
    doc: 'the same per client (an IPv4 address or an IPv6 /64); all programs of this machine together may use half of --max-in-flight',
    default: '256',
    min: '1',
    max: '65536',
  },
  'tcp-connections': {
    kind: 'integer',
    group: 'Limits',
    placeholder: 'number',
    doc: 'maximum TCP connections of clients, per listening address; beyond half of it, idle connections are closed sooner; at the limit, the client with the most loses the one idle longest',
    default: '150',
    min: '1',
    max: '65536',
  },
  'tcp-connections-per-client': {
    kind: 'integer',
    group: 'Limits',
    placeholder: 'number',
    doc: 'the same per client (an IPv4 address or an IPv6 /64); does not apply to programs of this machine',
    default: '20',
    min: '1',
    max: '65536',
  },
  'tcp-pipelined': {
    kind: 'integer',
    group: 'Limits',
    placeholder: 'number',
    doc: 'maximum queries in flight per TCP connection; the next one is read when an answer has been sent',
    default: '100',
    min: '1',
    max: '65536',
  },
  // RFC 7766 §6.2.3: "of the order of a few seconds". Ten bridge the pauses while a page loads.
  'tcp-idle-timeout': {
    kind: 'duration',
    group: 'Limits',
    placeholder: 'duration',
    doc: 'how long a TCP connection stays open without a complete message; down to 500ms while more than half of --tcp-connections are in use',
    default: '10s',
    min: '100ms',
    max: '10m',
  },
  'tcp-message-timeout': {
    kind: 'duration',
    group: 'Limits',
    placeholder: 'duration',
    doc: 'longest time from the first to the last byte of a message on a TCP connection',
    default: '2s',
    min: '100ms',
    max: '1m',
  },
  'tcp-unsent': {
    kind: 'bytes',
    group: 'Limits',
    placeholder: 'bytes',
    doc: 'maximum answer data that a TCP client has not read; beyond it, no further queries are read from that client',
    default: '64KiB',
    min: '512',
    max: '16MiB',
  },
  metrics: {
    kind: 'metrics-address',
    group: 'Operation',
    placeholder: 'where',
    doc: "address of the status page, /metrics, /healthcheck and /ready: host:port (without a port, 9053 or, if that is taken, a free one, which is logged), or unix:/path (a socket for dns4tor's user and group only)",
    default: 'localhost:',
    cloudflaredEnv: 'TUNNEL_METRICS',
  },
  'metrics-host': {
    kind: 'host-name',
    group: 'Operation',
    placeholder: 'name',
    doc: 'host name by which browsers and programs may request the status page and the API, such as that of a reverse proxy',
    unset: 'only localhost and IP addresses, so that no website can read them',
    list: { separator: ',', maxItems: 16 },
  },
  'control-socket': {
    kind: 'control-socket',
    group: 'Operation',
    placeholder: 'where',
    doc: "unix socket for commands such as `dns4tor flush`, for dns4tor's user and root only: unix:/path, none, or auto (control in the service's runtime directory, otherwise in the user's)",
    default: 'auto',
  },
  loglevel: {
    kind: 'log-level',
    group: 'Operation',
    placeholder: 'level',
    doc: 'minimum level of log messages',
    default: 'info',
    cloudflaredEnv: 'TUNNEL_LOGLEVEL',
  },
  logfile: {
    kind: 'append-file',
    group: 'Operation',
    placeholder: 'file',
    doc: 'file to append the log to; SIGHUP reopens it, and reloads the configuration',
    unset: 'stderr',
    cloudflaredEnv: 'TUNNEL_LOGFILE',
  },
  output: {
    kind: 'log-format',
    group: 'Operation',
    placeholder: 'format',
    doc: 'format of the log, and of the output of --check',
    default: 'default',
    cloudflaredEnv: 'TUNNEL_LOG_OUTPUT',
  },
  config: {
    kind: 'text',
    group: 'Operation',
    placeholder: 'file',
    doc: 'TOML file with these options, named without the dashes',
    unset: 'no file',
    scope: 'flag and env',
  },
  check: {
    kind: 'boolean',
    group: 'Operation',
    placeholder: 'boolean',
    doc: 'check the configuration, print the effective one, and exit',
    default: 'false',
    scope: 'flag',
  },
} as const;

/** Name of an option without the leading dashes. */
export type OptionKey = keyof typeof OPTIONS;

/** All keys, in the table's order. */
export const OPTION_KEYS: readonly OptionKey[] = Object.keys(OPTIONS).filter(isOptionKey);

/** The keys that a configuration file may have. */
export const FILE_KEYS: readonly OptionKey[] = OPTION_KEYS.filter((key) => optionSpec(key).scope === undefined);

/** The tables that a configuration file may have, by name. */
export const FILE_TABLES: ReadonlyMap<string, OptionKey> = new Map(
  FILE_KEYS.flatMap((key) => {
    const { table } = optionSpec(key);
    return table === undefined ? [] : [[table.name, key] as const];
  }),
);

/** Whether there is an option of this name. */
export function isOptionKey(name: string): name is OptionKey {
  return Object.hasOwn(OPTIONS, name);
}

/** Returns the entry of a key by its general type. The compiler checks every entry of the table here. */
export function optionSpec(key: OptionKey): OptionSpec {
  return OPTIONS[key];
}

/** The command-line flag of an option, such as `--port`. */
export function flagOf(key: OptionKey): string {
  return `--${key}`;
}

/** Returns the environment variables of an option; earlier ones take precedence. */
export function envNamesOf(key: OptionKey): readonly string[] {
  const { scope, cloudflaredEnv } = optionSpec(key);
  if (scope === 'flag') return [];
  const own = `DNS4TOR_${key.toUpperCase().replaceAll('-', '_')}`;
  return cloudflaredEnv === undefined ? [own] : [own, cloudflaredEnv];
}
