import type { KeyObject } from 'node:crypto';
import type { LogFormat, LogLevel } from '../log/log-level.ts';
import type { Cidr } from '../model/address-block.ts';
import type { Bridge, TransportProgram } from '../model/bridge.ts';
import type { OwnName } from '../model/names/own-name.ts';
import type { Route } from '../model/route.ts';
import type { TorAddress } from '../model/tor-address.ts';
import type { HostsFile } from './parse/local/hosts-file.ts';

/** Whose queries share Tor circuits: all, those of one client, or those to one upstream. */
export const ISOLATIONS = ['none', 'client', 'upstream'] as const;
export type Isolation = (typeof ISOLATIONS)[number];

/** The TLS versions that can be set as the minimum. */
export const TLS_VERSIONS = ['1.2', '1.3'] as const;
export type TlsVersion = (typeof TLS_VERSIONS)[number];

/** How datagrams are received and sent: many per system call (`batch`), one each (`dgram`), or `batch` if available. */
export const UDP_IOS = ['auto', 'batch', 'dgram'] as const;
export type UdpIo = (typeof UDP_IOS)[number];

/** How the upstream of a query is chosen: the first that answers (`order`), or by its domain (`shard`). */
export const UPSTREAM_STRATEGIES = ['order', 'shard'] as const;
export type UpstreamStrategy = (typeof UPSTREAM_STRATEGIES)[number];

/** Whether single-label names and undelegated top-level domains are denied or forwarded. */
export const UNDELEGATED_CHOICES = ['deny', 'forward'] as const;
export type UndelegatedChoice = (typeof UNDELEGATED_CHOICES)[number];

/** How blocked names are answered: the name does not exist, or it has the unspecified address. */
export const BLOCK_ANSWERS = ['nxdomain', 'zero'] as const;
export type BlockAnswerChoice = (typeof BLOCK_ANSWERS)[number];

/** Whether private addresses in answers for public names are removed or passed on. */
export const PRIVATE_ANSWERS = ['block', 'allow'] as const;
export type PrivateAnswers = (typeof PRIVATE_ANSWERS)[number];

/** The whole configuration, validated and deeply frozen. */
export interface Config {
  /** Where to listen: IP addresses or `localhost`, which means 127.0.0.1 and, if the machine has it, ::1. */
  readonly addresses: readonly string[];
  /** 0 to 65535; 0 means any free port. */
  readonly port: number;
  /** Clients outside this machine that may query. Not empty if an address is not loopback. */
  readonly allow: readonly Cidr[];
  readonly udpIo: UdpIo;
  readonly limits: LimitsConfig;
  readonly encrypted: EncryptedConfig;
  /** At least one, in the order of preference. */
  readonly upstreams: readonly UpstreamConfig[];
  /** Tor circuits per upstream, each with its own connection; at least 1. */
  readonly circuits: number;
  readonly circuitLifetimeMs: number;
  /** Whether to switch to the onion services that an upstream offers (Alt-Svc, RFC 7838). */
  readonly altSvc: boolean;
  /** Stream isolation. */
  readonly isolation: Isolation;
  readonly upstreamStrategy: UpstreamStrategy;
  /** Names that go to servers on the local network instead. At most one per zone. */
  readonly routes: readonly Route[];
  readonly metrics: MetricsAddress;
  /** Host names by which the status page may be requested, in lower case. */
  readonly metricsHosts: readonly string[];
  readonly controlSocket: ControlSocket;
  readonly tor: TorConfig;
  readonly localAnswers: LocalAnswersConfig;
  /** Size limit of the cache; 0 turns it off. */
  readonly cacheBytes: number;
  /** How long an expired answer may be served (RFC 8767); 0 for never. */
  readonly maxStaleMs: number;
  /** Longest time that a client waits for an answer. */
  readonly timeoutMs: number;
  /** Whether cached answers in use are refreshed before they expire. */
  readonly prefetch: boolean;
  readonly log: LogConfig;
  /**
   * Whether `--bootstrap` was given. Units written for cloudflared have it, so the log says once that it is ignored.
   */
  readonly bootstrapIgnored: boolean;
}

/** Listeners for DNS over TLS and over HTTPS. */
export interface EncryptedConfig {
  /** As `Config.addresses`; none if DoT is not served. */
  readonly dotAddresses: readonly string[];
  /** 0 to 65535; 0 means any free port. */
  readonly dotPort: number;
  /** As `Config.addresses`; none if DoH is not served. */
  readonly dohAddresses: readonly string[];
  readonly dohPort: number;
  /** Path of the DoH resource, percent-encoded; begins with a slash. */
  readonly dohPath: string;
  /** Where DoH is served without TLS. */
  readonly dohPlain: UnixSocket | undefined;
  /** Defined if there are addresses. The key belongs to the certificate. */
  readonly tls: TlsConfig | undefined;
}

/** The certificate of this server and its key, and the files that they are from. */
export interface TlsConfig {
  readonly certificatePath: string;
  readonly keyPath: string;
  /** The chain in PEM form, the server's own certificate first. */
  readonly certificate: string;
  /** A KeyObject, so that no log, error or JSON can show it. */
  readonly key: KeyObject;
}

/** What is answered locally, and what is removed from upstream answers. */
export interface LocalAnswersConfig {
  readonly undelegated: UndelegatedChoice;
  readonly hosts: readonly HostsFile[];
  /** Without contradictions: an alias is the only value of its name, and aliases form no loop. */
  readonly names: readonly OwnName[];
  /** Paths of files that existed when the configuration was read. */
  readonly blocklists: readonly string[];
  readonly allowlists: readonly string[];
  readonly blockAnswer: BlockAnswerChoice;
  readonly privateAnswers: PrivateAnswers;
  /** Domains whose names may have private addresses. */
  readonly privateAnswersFor: readonly string[];
}

/** Limits for one client, and for all together. All at least 1. */
interface LimitsConfig {
  /** Queries that wait for an upstream. */
  readonly maxInFlight: number;
  readonly maxInFlightPerClient: number;
  /** Connections per listening address. */
  readonly tcpConnections: number;
  readonly tcpConnectionsPerClient: number;
  /** Queries in flight on one connection. */
  readonly tcpPipelined: number;
  readonly tcpIdleMs: number;
  /** Time from a message's first byte to its last. */
  readonly tcpMessageMs: number;
  /** Answers that a client has not read. */
  readonly tcpUnsentBytes: number;
}

/** DNS over HTTPS (RFC 8484), over TLS (RFC 7858), or over TCP (RFC 7766). */
export type UpstreamProtocol = 'https' | 'tls' | 'tcp';

/** One upstream resolver. */
export interface UpstreamConfig {
  readonly protocol: UpstreamProtocol;
  /** Its identity in logs and metrics. */
  readonly url: string;
  /** Host name, onion address or IP address without brackets, in lower case. */
  readonly host: string;
  readonly port: number;
  /** The certificate must carry one of these names. In lower case; none for `tcp`, which has no certificate. */
  readonly names: readonly string[];
  /** Further accepted names, if Tor is known to carry the connection. */
  readonly namesThroughTor: readonly string[];
  /** Whether only Tor authenticates the resolver: plain DNS to an onion service. */
  readonly onlyThroughTor: boolean;
  /** Additional trusted certificates, in PEM form. */
  readonly ca: string | undefined;
  /** `sha256/` and the base64 SHA-256 of a SubjectPublicKeyInfo. If there are any, one must match. */
  readonly pins: readonly string[];
  /** SHA-256 hashes of TBS certificates, in hexadecimal. If there are any, the chain must have one of them. */
  readonly chainHashes: readonly string[];
  /** Minimum TLS version. */
  readonly tlsMin: TlsVersion;
}

/** How Tor is reached, or started. */
export interface TorConfig {
  /** With bridges always `managed`: a running Tor would not use them, and might connect to public relays. */
  readonly socks: SocksChoice;
  readonly control: ControlChoice;
  /** At most one per onion service. */
  readonly onionAuths: readonly OnionAuthConfig[];
  /** A path, or the name of a program in PATH. */
  readonly binary: string;
  /** For a managed tor, which then uses no other way into the Tor network. At most 64. */
  readonly bridges: readonly Bridge[];
  /** One for each pluggable transport of the bridges. */
  readonly transports: readonly TransportProgram[];
  /** Lines for the torrc of a managed tor, each `Name value`. None sets an option reserved for dns4tor. */
  readonly options: readonly string[];
}

/** How Tor is reached: found automatically, at an address, or by a managed tor. */
export type SocksChoice = { readonly kind: 'auto' } | { readonly kind: 'managed' } | TorAddress;

/** The control port of a Tor that dns4tor does not manage: found automatically, none, or at a local address. */
export type ControlChoice = { readonly kind: 'auto' } | { readonly kind: 'none' } | TorAddress;

/** The client authorisation key for one onion service. */
export interface OnionAuthConfig {
  /** 56 characters in lower case, without `.onion`. */
  readonly address: string;
  /** X25519 private key. A KeyObject, so that no log, error or JSON can show it. */
  readonly key: KeyObject;
}

/** Where the log goes, and what it contains. */
export interface LogConfig {
  readonly level: LogLevel;
  /** Path of the log file, which is appended to; undefined for stderr. */
  readonly file: string | undefined;
  readonly format: LogFormat;
}

/**
 * Where metrics are served. `host` is an IP address or `localhost`; port 0 means any free port, and no port the usual
 * one or, if that is taken, any free one. `path` is the absolute path of a unix socket.
 */
export type MetricsAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number | undefined }
  | UnixSocket;

/** Where commands for the running daemon are taken: at the usual path, nowhere, or at an absolute path. */
export type ControlSocket = { readonly kind: 'auto' } | { readonly kind: 'none' } | UnixSocket;

/** The absolute path of a unix socket. */
export interface UnixSocket {
  readonly kind: 'unix';
  readonly path: string;
}

/** An IP address or host name without brackets, and a port. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}
