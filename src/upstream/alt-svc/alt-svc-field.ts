import { isOnionHost, onionAddressProblem } from '../../model/onion-address.ts';

/** An alternative service that dns4tor can use: HTTP/2 at an onion service. */
export interface OnionAlternative {
  /** Version 3 onion address: 56 lower-case characters and `.onion`. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
  /** Lifetime from when the response was generated. Not bounded here. */
  readonly maxAgeSeconds: number;
  /** Whether it stays valid after a change of network. */
  readonly persist: boolean;
}

/** 24 hours (RFC 7838 §3.1). */
const DEFAULT_MAX_AGE_SECONDS = 86_400;

/** Maximum length in characters. Cloudflare's field value, with ten onions, has 1 KiB. */
const MAX_FIELD_LENGTH = 16_384;

/** More than the number of connections. Further alternatives would never be used. */
const MAX_ALTERNATIVES = 16;

const MAX_PORT = 65_535;

/** `token=token` or `token="quoted-string"` (RFC 9110 §5.6.2, §5.6.4). */
const PAIR = /^([\w!#$%&'*+.^`|~-]+)=(?:([\w!#$%&'*+.^`|~-]+)|"((?:[^"\\]|\\.)*)")$/;

interface Pair {
  readonly name: string;
  readonly value: string;
}

/**
 * Parses an Alt-Svc field value (RFC 7838 §3); several field lines must be joined by commas. Never throws. Alternatives
 * that are malformed, of another protocol or not at an onion are skipped. A value that is too long yields none.
 */
export function parseAltSvc(fieldValue: string): readonly OnionAlternative[] | 'clear' {
  if (fieldValue.length > MAX_FIELD_LENGTH) return [];
  const members = splitOutsideQuotes(fieldValue, ',');
  // If `clear` stands beside alternatives, they are ignored (§3).
  if (members.includes('clear')) return 'clear';
  return members
    .map(parseMember)
    .filter((alternative) => alternative !== undefined)
    .slice(0, MAX_ALTERNATIVES);
}

function parseMember(member: string): OnionAlternative | undefined {
  const [alternative, ...parameters] = splitOutsideQuotes(member, ';').map(parsePair);
  // Only one encoding of each protocol name is valid (§3), so `%682` is not h2.
  if (alternative?.name !== 'h2') return undefined;
  const authority = parseAuthority(alternative.value);
  const maxAgeSeconds = parseMaxAge(valueOf(parameters, 'ma'));
  if (authority === undefined || maxAgeSeconds === undefined) return undefined;
  return { ...authority, maxAgeSeconds, persist: valueOf(parameters, 'persist') === '1' };
}

/** Parses `[ uri-host ] ":" port`. Without a host, the alternative is at the origin's host, which is not an onion. */
function parseAuthority(authority: string): { host: string; port: number } | undefined {
  const [, givenHost = '', digits = ''] = /^(.+):(\d{1,5})$/.exec(authority) ?? [];
  // Labels before the address only matter to the service's HTTP server, which receives the origin's name instead.
  const host = givenHost.toLowerCase().split('.').slice(-2).join('.');
  const port = Number(digits);
  if (!isOnionHost(host) || onionAddressProblem(host) !== undefined || port < 1 || port > MAX_PORT) return undefined;
  return { host, port };
}

/** Returns undefined for an invalid value: the alternative is then not fresh (RFC 9111 §4.2.1). */
function parseMaxAge(value: string | undefined): number | undefined {
  if (value === undefined) return DEFAULT_MAX_AGE_SECONDS;
  return /^\d+$/.test(value) ? Number(value) : undefined;
}

function valueOf(parameters: readonly (Pair | undefined)[], name: string): string | undefined {
  return parameters.find((parameter) => parameter?.name.toLowerCase() === name)?.value;
}

function parsePair(text: string): Pair | undefined {
  const [, name, token, quotedString = ''] = PAIR.exec(text) ?? [];
  if (name === undefined) return undefined;
  return { name, value: token ?? quotedString.replaceAll(/\\(.)/g, '$1') };
}

/** Splits at separators outside quoted strings, and trims the parts. Takes linear time for every input. */
function splitOutsideQuotes(text: string, separator: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (quoted && character === '\\') i++;
    else if (character === '"') quoted = !quoted;
    else if (character === separator && !quoted) {
      parts.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  parts.push(text.slice(start).trim());
  return parts;
}
