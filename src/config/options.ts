import type { OptionKind } from './parse/kinds.ts';

/** Headings under which `--help` lists the options, in its order. */
const OPTION_GROUPS = ['Listening', 'Upstream', 'Tor', 'Answers', 'Limits', 'Operation'] as const;

/** One option. Values, defaults and bounds are texts as a person writes them; `kinds.ts` gives them their meaning. */
export interface OptionSpec {
  readonly kind: OptionKind;
  readonly group: (typeof OPTION_GROUPS)[number];
  /** What stands for the value in `--help`. */
  readonly placeholder: string;
  /** One clause, without a full stop, in the order: what it does, what else is to be known. */
  readonly doc: string;
  /** Absent: the option is unset unless it is given, and `unset` says what that means. */
  readonly default?: string;
  readonly unset?: string;
  /** Both inclusive. */
  readonly min?: string;
  readonly max?: string;
  /** The option may be repeated, and each text may hold several values with the separator between them. */
  readonly list?: { readonly separator: ',' | '\n'; readonly maxItems: number };
  /** The environment variable that cloudflared reads for the same thing. Ours, `DNS4TOR_<KEY>`, goes before it. */
  readonly cloudflaredEnv?: string;
  /** Where alone it can be set; absent: everywhere. */
  readonly scope?: 'flag' | 'flag and env';
}

/**
 * Every option of `proxy-dns`: the only source of its flags, environment variables, configuration keys, defaults, bounds,
 * `--help` and README's table. The key is the configuration file's; the flag is `--<key>`.
 */
export const OPTIONS = {
  address: {
    kind: 'listen-address',
    group: 'Listening',
    placeholder: 'ip',
    doc: 'address to answer on; localhost is 127.0.0.1 and, where the machine has it, ::1',
    default: 'localhost',
    list: { separator: ',', maxItems: 16 },
    cloudflaredEnv: 'TUNNEL_DNS_ADDRESS',
  },
  port: {
    kind: 'integer',
    group: 'Listening',
    placeholder: 'port',
    doc: 'UDP and TCP port to answer on; 0 takes a free one and logs it',
    default: '53',
    min: '0',
    max: '65535',
    cloudflaredEnv: 'TUNNEL_DNS_PORT',
  },
  allow: {
    kind: 'cidr',
    group: 'Listening',
    placeholder: 'cidr',
    doc: 'clients beyond this machine that may ask, as in 192.168.1.0/24; what others send is dropped',
    unset: 'nobody; an address beyond loopback is then refused at start',
    list: { separator: ',', maxItems: 256 },
  },
  'udp-io': {
    kind: 'udp-io',
    group: 'Listening',
    placeholder: 'how',
    doc: 'how UDP datagrams are taken and sent: many with one system call (batch: Linux, with the npm package koffi) at half the price, each by itself (dgram), or the first where it can be had',
    default: 'auto',
  },
  upstream: {
    kind: 'upstream-url',
    group: 'Upstream',
    placeholder: 'url',
    doc: 'resolver, always reached through Tor: https:// (DNS over HTTPS), tls:// (DNS over TLS) or, of an onion, tcp:// (plain DNS); several are tried in order',
    default: 'https://dns4torpnlfs2ifuz2s2yf3fc7rdmsbhm6rw75euj35pac6ap25zgqad.onion/dns-query',
    list: { separator: ',', maxItems: 16 },
    cloudflaredEnv: 'TUNNEL_DNS_UPSTREAM',
  },
  'upstream-strategy': {
    kind: 'upstream-strategy',
    group: 'Upstream',
    placeholder: 'how',
    doc: 'how several upstreams are used: in order, or each for its share of the domains (shard), so that no resolver sees all of them',
    default: 'order',
  },
  bootstrap: {
    kind: 'text',
    group: 'Upstream',
    placeholder: 'url',
    doc: 'accepted for the sake of cloudflared and ignored: nothing is ever looked up outside Tor',
    unset: 'nothing',
    list: { separator: ',', maxItems: 64 },
    cloudflaredEnv: 'TUNNEL_DNS_BOOTSTRAP',
  },
  'max-upstream-conns': {
    kind: 'integer',
    group: 'Upstream',
    placeholder: 'number',
    doc: 'maximum circuits kept per upstream, if that is less than --circuits; 0 is unlimited, as in cloudflared',
    default: '5',
    min: '0',
    max: '64',
    cloudflaredEnv: 'TUNNEL_DNS_MAX_UPSTREAM_CONNS',
  },
  circuits: {
    kind: 'integer',
    group: 'Upstream',
    placeholder: 'number',
    doc: 'Tor circuits kept per upstream, each with its own connection: the fastest of those tried; a late query is sent on a second one, too',
    default: '3',
    min: '1',
    max: '16',
  },
  // As long as Tor itself uses a circuit for new streams (MaxCircuitDirtiness), which does not end a stream that is open.
  'circuit-lifetime': {
    kind: 'duration',
    group: 'Upstream',
    placeholder: 'duration',
    doc: 'how long circuits are used, give or take a fifth, before new ones replace them all',
    default: '10m',
    min: '10s',
    max: '1d',
  },
  isolate: {
    kind: 'isolation',
    group: 'Upstream',
    placeholder: 'whom',
    doc: 'whose queries Tor carries apart: those to each upstream; those of each client (user of this machine, or address), which then has circuits of its own; or none',
    default: 'upstream',
  },
  'alt-svc': {
    kind: 'boolean',
    group: 'Upstream',
    placeholder: 'boolean',
    doc: 'go to the onions that an upstream by name offers in its answers (Alt-Svc, RFC 7838), as long as they work',
    default: 'true',
  },
  'upstream-name': {
    kind: 'host-name',
    group: 'Upstream',
    placeholder: 'name',
    doc: "name that the certificate may carry instead of the URL's host, for every upstream",
    unset: "the URL's host; for the default upstream also tor.cloudflare-dns.com and cloudflare-dns.com",
    list: { separator: ',', maxItems: 16 },
  },
  'upstream-ca': {
    kind: 'certificate-file',
    group: 'Upstream',
    placeholder: 'file',
    doc: 'PEM file of authorities that are trusted besides the usual ones, for every upstream',
    unset: 'only the usual authorities',
  },
  'upstream-pin': {
    kind: 'pin',
    group: 'Upstream',
    placeholder: 'pin',
    doc: 'public key (sha256/…) of which one must match, checked besides the chain, for every upstream',
    unset: 'any key',
    list: { separator: ',', maxItems: 16 },
  },
  'upstream-tls-min': {
    kind: 'tls-version',
    group: 'Upstream',
    placeholder: 'version',
    doc: 'oldest TLS version to accept, for every upstream; TLS 1.2 shows the certificate to the exit relay',
    default: '1.3',
  },
  'allow-plaintext-exit': {
    kind: 'boolean',
    group: 'Upstream',
    placeholder: 'boolean',
    doc: 'take tcp:// of others than onions, though the exit relay and all behind it can read and change everything',
    default: 'false',
  },
  'tor-socks': {
    kind: 'socks-address',
    group: 'Tor',
    placeholder: 'where',
    doc: 'how to reach Tor: host:port, unix:/path, managed (a tor of its own) or auto (a running one, else managed)',
    default: 'auto',
  },
  'tor-control': {
    kind: 'control-address',
    group: 'Tor',
    placeholder: 'where',
    doc: 'control port of a running Tor, to follow its state, and to send it NEWNYM while it refuses onion services from memory: host:port, unix:/path, none or auto (the usual places; where none can be read, it goes without)',
    default: 'auto',
  },
  'onion-auth-file': {
    kind: 'onion-auth-file',
    group: 'Tor',
    placeholder: 'file',
    doc: "key for an onion service that asks for client authorisation, in the form of tor's .auth_private files",
    unset: 'no keys',
    list: { separator: ',', maxItems: 16 },
  },
  'tor-binary': {
    kind: 'program',
    group: 'Tor',
    placeholder: 'program',
    doc: 'tor program to start when managed; a name is looked for in PATH',
    default: 'tor',
  },
  'tor-option': {
    kind: 'torrc-line',
    group: 'Tor',
    placeholder: "'Name value'",
    doc: "line for the managed tor's torrc; in one text, one per line",
    unset: 'no lines',
    // Values of torrc hold commas.
    list: { separator: '\n', maxItems: 64 },
  },
  'cache-size': {
    kind: 'bytes',
    group: 'Answers',
    placeholder: 'bytes',
    doc: 'memory for cached answers, as in 64k or 16MiB; 0 turns the cache off',
    default: '16MiB',
    min: '0',
    max: '4GiB',
  },
  // 10 s: on the way to Cloudflare's onion 95 of 100 answers come within 7.0 s and 99 within 9.1 s (DoHoT paper, 53,082
  // queries), and glibc's stub gives up after two tries of 5 s. Shorter loses answers that were on their way (at 5 s
  // more than one in ten), longer answers nobody.
  timeout: {
    kind: 'duration',
    group: 'Answers',
    placeholder: 'duration',
    doc: 'how long a client waits for an answer at most, as in 1500ms, 10s or 2m',
    default: '10s',
    min: '100ms',
    max: '2m',
  },
  // RFC 8767 §5 suggests one to three days: past the longest outage that a person does not notice otherwise.
  'serve-stale': {
    kind: 'duration',
    group: 'Answers',
    placeholder: 'duration',
    doc: 'how long an expired answer is given where no fresh one comes within 1.8 s or at all (RFC 8767), as in 12h or 1d; 0s for never',
    default: '1d',
    min: '0s',
    max: '3d',
  },
  prefetch: {
    kind: 'boolean',
    group: 'Answers',
    placeholder: 'boolean',
    doc: 'ask again for answers that are in use shortly before they expire, within the same bound of extra queries as second tries',
    default: 'true',
  },
  'max-in-flight': {
    kind: 'integer',
    group: 'Limits',
    placeholder: 'number',
    doc: 'maximum queries waiting for the resolver, all clients together; once half are taken, the client with the most gives up its oldest for a client with fewer, and further queries fail at once',
    default: '1024',
    min: '1',
    max: '65536',
  },
  'max-in-flight-per-client': {
    kind: 'integer',
    group: 'Limits',
    placeholder: 'number',
    doc: 'the same per client (an IPv4 address or an IPv6 /64); the programs of this machine together may hold half of all',
    default: '256',
    min: '1',
    max: '65536',
  },
  'tcp-connections': {
    kind: 'integer',
    group: 'Limits',
    placeholder: 'number',
    doc: 'maximum TCP connections from clients, per listening address; once half are taken, idle connections are closed sooner, and at the limit the client with the most loses its longest-idle one',
    default: '150',
    min: '1',
    max: '65536',
  },
  'tcp-connections-per-client': {
    kind: 'integer',
    group: 'Limits',
    placeholder: 'number',
    doc: 'the same per client (an IPv4 address or an IPv6 /64); the programs of this machine may hold all of them',
    default: '20',
    min: '1',
    max: '65536',
  },
  'tcp-pipelined': {
    kind: 'integer',
    group: 'Limits',
    placeholder: 'number',
    doc: 'queries of one TCP connection in flight at a time; the next are read when answers have left',
    default: '100',
    min: '1',
    max: '65536',
  },
  // RFC 7766 §6.2.3: "of the order of a few seconds"; ten bridge the pauses of a page that loads.
  'tcp-idle-timeout': {
    kind: 'duration',
    group: 'Limits',
    placeholder: 'duration',
    doc: 'how long a TCP connection may stay without a complete message; down to 500ms while more than half of the connections are taken',
    default: '10s',
    min: '100ms',
    max: '10m',
  },
  'tcp-message-timeout': {
    kind: 'duration',
    group: 'Limits',
    placeholder: 'duration',
    doc: 'how long a message that has begun on a TCP connection may take to end',
    default: '2s',
    min: '100ms',
    max: '1m',
  },
  'tcp-unsent': {
    kind: 'bytes',
    group: 'Limits',
    placeholder: 'bytes',
    doc: 'answers that a TCP client has not fetched; beyond, its next queries are not read',
    default: '64KiB',
    min: '512',
    max: '16MiB',
  },
  metrics: {
    kind: 'metrics-address',
    group: 'Operation',
    placeholder: 'where',
    doc: "where to serve the status page, /metrics, /healthcheck and /ready: host:port (without a port, a free one is chosen and logged), or unix:/path, a socket for dns4tor's user and group only",
    default: 'localhost:',
    cloudflaredEnv: 'TUNNEL_METRICS',
  },
  loglevel: {
    kind: 'log-level',
    group: 'Operation',
    placeholder: 'level',
    doc: 'least severe level to log',
    default: 'info',
    cloudflaredEnv: 'TUNNEL_LOGLEVEL',
  },
  logfile: {
    kind: 'append-file',
    group: 'Operation',
    placeholder: 'file',
    doc: 'file to append the log to; SIGHUP reopens it, and does nothing if no file is set',
    unset: 'stderr',
    cloudflaredEnv: 'TUNNEL_LOGFILE',
  },
  output: {
    kind: 'log-format',
    group: 'Operation',
    placeholder: 'format',
    doc: 'format of the log and of --check',
    default: 'default',
    cloudflaredEnv: 'TUNNEL_LOG_OUTPUT',
  },
  config: {
    kind: 'text',
    group: 'Operation',
    placeholder: 'file',
    doc: 'TOML file whose keys are the names of these flags',
    unset: 'no file',
    scope: 'flag and env',
  },
  check: {
    kind: 'boolean',
    group: 'Operation',
    placeholder: 'boolean',
    doc: 'check the configuration, print what is in effect, and exit',
    default: 'false',
    scope: 'flag',
  },
} as const;

export type OptionKey = keyof typeof OPTIONS;

/** In the table's order. */
export const OPTION_KEYS: readonly OptionKey[] = Object.keys(OPTIONS).filter(isOptionKey);

/** The keys of the configuration file. */
export const FILE_KEYS: readonly OptionKey[] = OPTION_KEYS.filter((key) => optionSpec(key).scope === undefined);

export function isOptionKey(name: string): name is OptionKey {
  return Object.hasOwn(OPTIONS, name);
}

/** The table's entry, where code does not depend on which it is. Here the compiler holds every entry against the type. */
export function optionSpec(key: OptionKey): OptionSpec {
  return OPTIONS[key];
}

export function flagOf(key: OptionKey): string {
  return `--${key}`;
}

/** The environment variables that set the option, the strongest first. */
export function envNamesOf(key: OptionKey): readonly string[] {
  const { scope, cloudflaredEnv } = optionSpec(key);
  if (scope === 'flag') return [];
  const own = `DNS4TOR_${key.toUpperCase().replaceAll('-', '_')}`;
  return cloudflaredEnv === undefined ? [own] : [own, cloudflaredEnv];
}
