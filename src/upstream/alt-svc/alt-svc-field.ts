import { isOnionHost, onionAddressProblem } from '../../model/onion-address.ts';

/** An alternative that is of use here: HTTP/2 at an onion. */
export interface OnionAlternative {
  /** A version 3 address: 56 characters in lower case and `.onion`. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
  /** How long it is fresh, from the moment in which the response was made. Not bounded. */
  readonly maxAgeSeconds: number;
  /** Whether it is meant to outlast a change of network. */
  readonly persist: boolean;
}

/** RFC 7838 §3.1: 24 hours. */
const DEFAULT_MAX_AGE_SECONDS = 86_400;

/** The case that is known (Cloudflare's header of ten onions) has 1 KiB. */
const MAX_FIELD_LENGTH = 16_384;

/** Of more than there will ever be circuits, the rest would only be remembered. */
const MAX_ALTERNATIVES = 16;

const MAX_PORT = 65_535;

/** RFC 9110 §5.6.2 and §5.6.4: `token=token` or `token="quoted-string"`. */
const PAIR = /^([\w!#$%&'*+.^`|~-]+)=(?:([\w!#$%&'*+.^`|~-]+)|"((?:[^"\\]|\\.)*)")$/;

interface Pair {
  readonly name: string;
  readonly value: string;
}

/**
 * Reads an Alt-Svc field value (RFC 7838 §3), several lines joined by commas. Never throws: what is malformed, of another protocol or not
 * at an onion is passed over, and what has no end or is too long has nothing of use in it.
 */
export function parseAltSvc(fieldValue: string): readonly OnionAlternative[] | 'clear' {
  if (fieldValue.length > MAX_FIELD_LENGTH) return [];
  const members = splitOutsideQuotes(fieldValue, ',');
  // §3: beside alternatives too, which then are not to be used either.
  if (members.includes('clear')) return 'clear';
  return members
    .map(parseMember)
    .filter((alternative) => alternative !== undefined)
    .slice(0, MAX_ALTERNATIVES);
}

function parseMember(member: string): OnionAlternative | undefined {
  const [alternative, ...parameters] = splitOutsideQuotes(member, ';').map(parsePair);
  // §3: there is one way to write each protocol's name, so that `%682` is not h2.
  if (alternative?.name !== 'h2') return undefined;
  const authority = parseAuthority(alternative.value);
  const maxAgeSeconds = parseMaxAge(valueOf(parameters, 'ma'));
  if (authority === undefined || maxAgeSeconds === undefined) return undefined;
  return { ...authority, maxAgeSeconds, persist: valueOf(parameters, 'persist') === '1' };
}

/** `[ uri-host ] ":" port`. Without a host it is the origin's own, which is no onion. */
function parseAuthority(authority: string): { host: string; port: number } | undefined {
  const [, givenHost = '', digits = ''] = /^(.+):(\d{1,5})$/.exec(authority) ?? [];
  // Labels in front of the address are for the service's HTTP server alone, and the origin's name goes there.
  const host = givenHost.toLowerCase().split('.').slice(-2).join('.');
  const port = Number(digits);
  if (!isOnionHost(host) || onionAddressProblem(host) !== undefined || port < 1 || port > MAX_PORT) return undefined;
  return { host, port };
}

/** RFC 9111 §4.2.1 on what cannot be read: it is not fresh. */
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

/** The trimmed parts between separators, of which those in quoted strings are none. Takes time in proportion to the text, whatever is in it. */
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
