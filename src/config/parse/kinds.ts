import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from '../../log/log-level.ts';
import { parseCidr } from './cidr.ts';
import type { Cidr, ControlChoice, MetricsAddress, OnionAuthConfig, SocksChoice } from '../config.ts';
import { parseControlAddress } from './control-address.ts';
import { checkAppendFile, checkProgram, readCertificates } from '../files.ts';
import { parseListenAddress } from './endpoint.ts';
import { type Isolation, ISOLATIONS } from '../isolation.ts';
import { parseMetricsAddress } from './metrics-address.ts';
import { parseHostName, parsePin } from './names.ts';
import { readOnionAuthFile } from './onion-auth-file.ts';
import { bad, type Parsed } from '../parsed.ts';
import { type Bounds, parseBytes, parseDuration, parseInteger } from './quantity.ts';
import { parseSocksAddress } from './socks-address.ts';
import { TLS_VERSIONS, type TlsVersion } from '../tls-version.ts';
import { parseTorrcLine } from './torrc-line.ts';
import { UDP_IOS, type UdpIo } from '../udp-io.ts';
import { UPSTREAM_STRATEGIES, type UpstreamStrategy } from '../upstream-strategy.ts';
import { parseUpstreamUrl, type UpstreamUrl } from './upstream-url.ts';

/** What a text of each kind of option turns into. */
export interface KindValues {
  readonly text: string;
  readonly boolean: boolean;
  readonly 'log-level': LogLevel;
  readonly 'log-format': LogFormat;
  readonly isolation: Isolation;
  readonly 'udp-io': UdpIo;
  readonly 'tls-version': TlsVersion;
  readonly 'upstream-strategy': UpstreamStrategy;
  readonly integer: number;
  /** Bytes. */
  readonly bytes: number;
  /** Milliseconds. */
  readonly duration: number;
  readonly 'listen-address': string;
  readonly cidr: Cidr;
  readonly 'metrics-address': MetricsAddress;
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
}

export type OptionKind = keyof KindValues;

/** The texts that a kind takes, where they can be counted. For `--help` and README. */
export function choicesOf(kind: OptionKind): readonly string[] {
  if (kind === 'isolation') return ISOLATIONS;
  if (kind === 'udp-io') return UDP_IOS;
  if (kind === 'tls-version') return TLS_VERSIONS;
  if (kind === 'upstream-strategy') return UPSTREAM_STRATEGIES;
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
  integer: parseInteger,
  bytes: parseBytes,
  duration: parseDuration,
  'listen-address': parseListenAddress,
  cidr: parseCidr,
  'metrics-address': parseMetricsAddress,
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
};

/** Kinds that name files look at them. */
export function parseValue<Kind extends OptionKind>(
  kind: Kind,
  text: string,
  bounds: Bounds,
): Parsed<KindValues[Kind]> {
  return text === '' ? { problem: 'is empty; give it a value or leave it out' } : PARSERS[kind](text, bounds);
}

function parseBoolean(text: string): Parsed<boolean> {
  if (text === 'true' || text === 'false') return { value: text === 'true' };
  return bad(text, 'is neither true nor false');
}

function parseChoice<Choice extends string>(text: string, choices: readonly Choice[]): Parsed<Choice> {
  const value = choices.find((choice) => choice === text);
  return value === undefined ? bad(text, `is none of ${choices.join(', ')}`) : { value };
}
