import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from '../../log/log-level.ts';
import type { Cidr } from '../../model/address-block.ts';
import type { Bridge, TransportProgram } from '../../model/bridge.ts';
import type { OwnName } from '../../model/names/own-name.ts';
import {
  BLOCK_ANSWERS,
  type BlockAnswerChoice,
  type ControlChoice,
  type ControlSocket,
  ISOLATIONS,
  type Isolation,
  type MetricsAddress,
  type OnionAuthConfig,
  PRIVATE_ANSWERS,
  type PrivateAnswers,
  type SocksChoice,
  TLS_VERSIONS,
  type TlsVersion,
  UDP_IOS,
  type UdpIo,
  UNDELEGATED_CHOICES,
  type UndelegatedChoice,
  type UnixSocket,
  UPSTREAM_STRATEGIES,
  type UpstreamStrategy,
} from '../config.ts';
import { type Parsed, refuse } from '../config-problem.ts';
import { checkAppendFile, checkListFile, checkProgram, readCertificates } from '../files.ts';
import { parseBridgeLine } from './bridge-line.ts';
import { type BridgesFile, readBridgesFile } from './bridges-file.ts';
import { parseHostName, parsePin } from './certificate-identity.ts';
import { parseCidr } from './cidr.ts';
import {
  parseControlSocket,
  parseHttpPath,
  parseListenAddress,
  parseMetricsAddress,
  parseUnixSocket,
} from './endpoint.ts';
import { type HostsFile, readHostsFile } from './local/hosts-file.ts';
import { parseDomain, parseOwnName } from './local/name-rule.ts';
import { parseRoute, type RouteRule } from './local/route-rule.ts';
import { readOnionAuthFile } from './onion-auth-file.ts';
import { type Bounds, parseBytes, parseDuration, parseInteger } from './quantity.ts';
import {
  type CertificateFile,
  type PrivateKeyFile,
  readPrivateKey,
  readServerCertificate,
} from './server-certificate.ts';
import { parseControlAddress, parseSocksAddress } from './tor-endpoint.ts';
import { parseTorrcLine } from './torrc-line.ts';
import { parseTransportProgram } from './transport-program.ts';
import { parseUpstreamUrl, type UpstreamUrl } from './upstream/upstream-url.ts';

/** The type of each kind's parsed value. */
export interface KindValues {
  readonly text: string;
  readonly boolean: boolean;
  readonly 'log-level': LogLevel;
  readonly 'log-format': LogFormat;
  readonly isolation: Isolation;
  readonly 'udp-io': UdpIo;
  readonly 'tls-version': TlsVersion;
  readonly 'upstream-strategy': UpstreamStrategy;
  readonly undelegated: UndelegatedChoice;
  readonly integer: number;
  /** Bytes. */
  readonly bytes: number;
  /** Milliseconds. */
  readonly duration: number;
  readonly 'listen-address': string;
  readonly cidr: Cidr;
  readonly 'metrics-address': MetricsAddress;
  readonly 'control-socket': ControlSocket;
  readonly 'socks-address': SocksChoice;
  readonly 'control-address': ControlChoice;
  readonly 'upstream-url': UpstreamUrl;
  readonly 'host-name': string;
  readonly pin: string;
  readonly 'torrc-line': string;
  readonly program: string;
  readonly 'append-file': string;
  /** The certificates, in PEM form. */
  readonly 'certificate-file': string;
  readonly 'onion-auth-file': OnionAuthConfig;
  readonly 'bridge-line': Bridge;
  readonly 'bridges-file': BridgesFile;
  readonly 'transport-program': TransportProgram;
  readonly route: RouteRule;
  readonly domain: string;
  readonly 'own-name': OwnName;
  readonly 'hosts-file': HostsFile;
  /** The path of a readable file. */
  readonly 'list-file': string;
  readonly 'block-answer': BlockAnswerChoice;
  readonly 'private-answers': PrivateAnswers;
  readonly 'http-path': string;
  readonly 'unix-socket': UnixSocket;
  readonly 'server-certificate': CertificateFile;
  readonly 'private-key-file': PrivateKeyFile;
}

/** Name of a kind of value. */
export type OptionKind = keyof KindValues;

/** Returns the values of a kind that has a fixed set of them, for help and documentation. Empty for other kinds. */
export function choicesOf(kind: OptionKind): readonly string[] {
  if (kind === 'isolation') return ISOLATIONS;
  if (kind === 'udp-io') return UDP_IOS;
  if (kind === 'tls-version') return TLS_VERSIONS;
  if (kind === 'upstream-strategy') return UPSTREAM_STRATEGIES;
  if (kind === 'undelegated') return UNDELEGATED_CHOICES;
  if (kind === 'block-answer') return BLOCK_ANSWERS;
  if (kind === 'private-answers') return PRIVATE_ANSWERS;
  if (kind === 'log-level') return LOG_LEVELS;
  return kind === 'log-format' ? LOG_FORMATS : [];
}

const PARSERS: { readonly [Kind in OptionKind]: (text: string, bounds: Bounds) => Parsed<KindValues[Kind]> } = {
  text: (text) => ({ value: text }),
  boolean: parseBoolean,
  'log-level': (text) => parseChoice(text, LOG_LEVELS),
  'log-format': (text) => parseChoice(text, LOG_FORMATS),
  isolation: (text) => parseChoice(text, ISOLATIONS),
  'udp-io': (text) => parseChoice(text, UDP_IOS),
  'tls-version': (text) => parseChoice(text, TLS_VERSIONS),
  'upstream-strategy': (text) => parseChoice(text, UPSTREAM_STRATEGIES),
  undelegated: (text) => parseChoice(text, UNDELEGATED_CHOICES),
  integer: parseInteger,
  bytes: parseBytes,
  duration: parseDuration,
  'listen-address': parseListenAddress,
  cidr: parseCidr,
  'metrics-address': parseMetricsAddress,
  'control-socket': parseControlSocket,
  'socks-address': parseSocksAddress,
  'control-address': parseControlAddress,
  'upstream-url': parseUpstreamUrl,
  'host-name': parseHostName,
  pin: parsePin,
  'torrc-line': parseTorrcLine,
  program: checkProgram,
  'append-file': checkAppendFile,
  'certificate-file': readCertificates,
  'onion-auth-file': readOnionAuthFile,
  'bridge-line': parseBridgeLine,
  'bridges-file': readBridgesFile,
  'transport-program': parseTransportProgram,
  route: parseRoute,
  domain: parseDomain,
  'own-name': parseOwnName,
  'hosts-file': readHostsFile,
  'list-file': checkListFile,
  'block-answer': (text) => parseChoice(text, BLOCK_ANSWERS),
  'private-answers': (text) => parseChoice(text, PRIVATE_ANSWERS),
  'http-path': parseHttpPath,
  'unix-socket': parseUnixSocket,
  'server-certificate': readServerCertificate,
  'private-key-file': readPrivateKey,
};

/** Parses a text. Kinds that name files also check the file. */
export function parseValue<Kind extends OptionKind>(
  kind: Kind,
  text: string,
  bounds: Bounds,
): Parsed<KindValues[Kind]> {
  if (text === '') return { problem: 'the value is empty', remedy: 'give a value, or remove the option' };
  return PARSERS[kind](text, bounds);
}

function parseBoolean(text: string): Parsed<boolean> {
  if (text === 'true' || text === 'false') return { value: text === 'true' };
  return refuse(text, 'is neither true nor false');
}

function parseChoice<Choice extends string>(text: string, choices: readonly Choice[]): Parsed<Choice> {
  const value = choices.find((choice) => choice === text);
  return value === undefined ? refuse(text, 'is not a valid choice', `choose one of ${choices.join(', ')}`) : { value };
}
