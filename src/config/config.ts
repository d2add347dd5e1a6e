import type { KeyObject } from 'node:crypto';
import type { LogFormat, LogLevel } from '../log/log-level.ts';
import type { Isolation } from './isolation.ts';
import type { TlsVersion } from './tls-version.ts';
import type { UdpIo } from './udp-io.ts';
import type { UpstreamStrategy } from './upstream-strategy.ts';

/** The whole configuration, validated and deeply frozen. */
export interface Config {
  /** Where to listen: IP addresses, or `localhost` as it was given, which stands for 127.0.0.1 and, where there is one, ::1. */
  readonly addresses: readonly string[];
  /** 0 to 65535; 0 asks for a free port. */
  readonly port: number;
  /** Who beyond this machine may ask. Not empty where an address is not loopback. */
  readonly allow: readonly Cidr[];
  readonly udpIo: UdpIo;
  readonly limits: LimitsConfig;
  /** At least one, in the order in which they are tried. */
  readonly upstreams: readonly UpstreamConfig[];
  /** To each upstream, each with a connection; at least 1. */
  readonly circuits: number;
  readonly circuitLifetimeMs: number;
  /** Whether the onions that an upstream by name offers are used in its place. */
  readonly altSvc: boolean;
  /** Between whom Tor shares no circuit. */
  readonly isolation: Isolation;
  readonly upstreamStrategy: UpstreamStrategy;
  readonly metrics: MetricsAddress;
  readonly tor: TorConfig;
  /** Bound of the cache; 0 turns it off. */
  readonly cacheBytes: number;
  /** How long an answer may be given after it has expired; 0 for never. */
  readonly maxStaleMs: number;
  /** How long a client waits for an answer at most. */
  readonly timeoutMs: number;
  /** Whether answers that are in use are refreshed before they expire. */
  readonly prefetch: boolean;
  readonly log: LogConfig;
  /** `--bootstrap` was given: cloudflared's users have it in their units, and are told once why it does nothing. */
  readonly bootstrapIgnored: boolean;
}

/** What one client, or all together, can take up. All at least 1. */
export interface LimitsConfig {
  /** Queries that wait for the resolver. */
  readonly maxInFlight: number;
  readonly maxInFlightPerClient: number;
  /** Connections to each listening address. */
  readonly tcpConnections: number;
  readonly tcpConnectionsPerClient: number;
  /** Queries in flight on one connection. */
  readonly tcpPipelined: number;
  readonly tcpIdleMs: number;
  /** From a message's first byte to its last. */
  readonly tcpMessageMs: number;
  /** Answers that one client has not fetched. */
  readonly tcpUnsentBytes: number;
}

/** What is spoken to a resolver: DNS over HTTPS (RFC 8484), over TLS (RFC 7858), or over plain TCP (RFC 7766). */
export type UpstreamProtocol = 'https' | 'tls' | 'tcp';

export interface UpstreamConfig {
  readonly protocol: UpstreamProtocol;
  /** As it is logged and counted. */
  readonly url: string;
  /** Host name, onion or IP address without brackets, in lower case. */
  readonly host: string;
  readonly port: number;
  /** Names of which the certificate must carry one, in lower case; none where there is no certificate, over tcp. */
  readonly names: readonly string[];
  /** Further accepted names, if Tor is known to carry the connection. */
  readonly namesThroughTor: readonly string[];
  /** Whether only Tor authenticates the resolver: plain DNS to an onion service. */
  readonly onlyThroughTor: boolean;
  /** PEM of certificates that are trusted besides the usual ones. */
  readonly ca: string | undefined;
  /** `sha256/` and the base64 SHA-256 of a SubjectPublicKeyInfo. Where there are any, one must match. */
  readonly pins: readonly string[];
  /** The oldest TLS version to accept. */
  readonly tlsMin: TlsVersion;
}

export interface TorConfig {
  readonly socks: SocksChoice;
  readonly control: ControlChoice;
  /** One for each onion service at most. */
  readonly onionAuths: readonly OnionAuthConfig[];
  /** A path, or a program's name to be looked for in PATH. */
  readonly binary: string;
  /** Lines for the torrc of a managed tor, each `Name value`. None sets an option that dns4tor reserves. */
  readonly options: readonly string[];
}

/** How Tor is reached: as it is found, at an address, or by a tor of our own. */
export type SocksChoice =
  | { readonly kind: 'auto' }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'managed' };

/** Where the control port of a Tor that is not ours is: as it is found, nowhere, or at an address of this machine. */
export type ControlChoice =
  | { readonly kind: 'auto' }
  | { readonly kind: 'none' }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** The client authorisation for one onion service. */
export interface OnionAuthConfig {
  /** 56 characters in lower case, without `.onion`. */
  readonly address: string;
  /** X25519, private. Not a text, so that no log, error or JSON can show it. */
  readonly key: KeyObject;
}

export interface LogConfig {
  readonly level: LogLevel;
  /** Path of a file that is appended to; undefined for stderr. */
  readonly file: string | undefined;
  readonly format: LogFormat;
}

/**
 * Where metrics are served. `host` is an IP address or `localhost`; port 0 means any free port. `path` is the absolute
 * path of a unix socket.
 */
export type MetricsAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** A block of addresses (RFC 4632 §3.1). */
export interface Cidr {
  readonly address: string;
  readonly prefix: number;
  readonly family: 4 | 6;
}
