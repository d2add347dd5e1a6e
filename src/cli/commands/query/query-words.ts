import { isIPv4, isIPv6 } from 'node:net';
import { ConfigError, locate, type Problem, refuse } from '../../../config/config-problem.ts';
import { addressOctets } from '../../../lib/ip-address.ts';
import { nearest } from '../../../lib/nearest.ts';
import { parseName } from '../../../message/text/name-text.ts';
import { TYPE } from '../../../message/wire/tables.ts';
import { toAsciiName } from '../../../model/names/host-name.ts';

/** dig's `+` options that `query` supports; each can be negated by `no`. */
const SWITCHES = ['short', 'tcp', 'dnssec', 'cd'] as const;
type Switch = (typeof SWITCHES)[number];

/** dig's other names for them. */
const ALIASES: ReadonlyMap<string, Switch> = new Map([
  ['vc', 'tcp'],
  ['do', 'dnssec'],
  ['cdflag', 'cd'],
]);

const MAX_TYPE = 0xffff;

/** The parsed words of `dns4tor query`. */
export interface QueryWords {
  /** QNAME in wire form. */
  readonly name: Uint8Array;
  readonly type: number;
  /** The address of `@127.0.0.1`. */
  readonly server: string | undefined;
  readonly switches: Readonly<Record<Switch, boolean>>;
}

/**
 * Parses NAME, TYPE, `+option` and `@server`, in any order.
 *
 * @param reverse the address of `-x`, instead of a name
 * @throws {ConfigError} with all problems
 */
export function readQueryWords(words: readonly string[], reverse: string | undefined): QueryWords {
  const problems: Problem[] = [];
  const switches: Record<Switch, boolean> = { short: false, tcp: false, dnssec: false, cd: false };
  let server: string | undefined;
  const rest: string[] = [];
  for (const word of words) {
    if (word.startsWith('+')) {
      const set = readSwitch(word);
      if ('problem' in set) problems.push(set);
      else switches[set.name] = set.value;
    } else if (word.startsWith('@')) server = word.slice(1);
    // The class is accepted but has no effect, since IN is the only one.
    else if (!(word.toUpperCase() === 'IN' && rest.length > 0)) rest.push(word);
  }
  const question = reverse === undefined ? readQuestion(rest) : readReverse(reverse, rest);
  if ('problem' in question) problems.push(question);
  if ('problem' in question || problems.length > 0) throw new ConfigError(problems);
  return { ...question, server, switches };
}

function readSwitch(word: string): { readonly name: Switch; readonly value: boolean } | Problem {
  const text = word.slice(1).toLowerCase();
  for (const value of [true, false]) {
    const bare = value ? text : text.replace(/^no/, '');
    const name = ALIASES.get(bare) ?? SWITCHES.find((known) => known === bare);
    if (name !== undefined) return { name, value };
  }
  const suggestion = nearest(text, SWITCHES);
  const known = SWITCHES.map((name) => `+${name}`).join(', ');
  const remedy = suggestion === undefined ? `the supported ones are ${known}` : `did you mean +${suggestion}?`;
  return { problem: `unsupported dig option '${word}'`, remedy };
}

type Question = Pick<QueryWords, 'name' | 'type'>;

function readQuestion(words: readonly string[]): Question | Problem {
  const [first, second] = words;
  if (first === undefined) {
    return { problem: 'no name to look up', remedy: 'give one, as in dns4tor query example.com AAAA' };
  }
  if (words.length > 2) return { problem: `unexpected argument '${words[2]}'`, remedy: 'give only a name and a type' };
  // As in dig, the type may come first. A name that looks like a type must come first.
  const isSwapped = second !== undefined && typeNumber(second) === undefined && typeNumber(first) !== undefined;
  const [nameText, typeText] = isSwapped ? [second, first] : [first, second];
  const name = toName(nameText);
  if (name === undefined) {
    return refuse(nameText, 'is not a domain name', 'use labels of 1 to 63 octets, at most 255 octets in all');
  }
  const type = typeText === undefined ? TYPE.A : typeNumber(typeText);
  return type === undefined ? unknownType(typeText ?? '') : { name, type };
}

function readReverse(address: string, words: readonly string[]): Question | Problem {
  if (words.length > 0)
    return { problem: `unexpected argument '${words[0]}'`, remedy: 'give only the address with -x' };
  const name = parseName(reverseName(address) ?? '');
  return name === undefined ? locate('-x', refuse(address, 'is not an IP address')) : { name, type: TYPE.PTR };
}

/** Returns the name for a reverse look-up (RFC 1035 §3.5, RFC 3596 §2.5). */
function reverseName(address: string): string | undefined {
  if (isIPv4(address)) return `${address.split('.').toReversed().join('.')}.in-addr.arpa.`;
  if (!isIPv6(address) || address.includes('%')) return undefined;
  const nibbles = addressOctets(address).flatMap((octet) =>
    [octet >> 4, octet & 0xf].map((nibble) => nibble.toString(16)),
  );
  return `${nibbles.toReversed().join('.')}.ip6.arpa.`;
}

/** Converts a name to wire form; non-ASCII labels become A-labels (RFC 5891). */
function toName(text: string): Uint8Array | undefined {
  return parseName(toAsciiName(text));
}

const TYPES: ReadonlyMap<string, number> = new Map(Object.entries(TYPE));

/** Parses a type by its name, or as `TYPE` and its number (RFC 3597 §5). */
function typeNumber(text: string): number | undefined {
  const name = text.toUpperCase();
  const known = TYPES.get(name);
  if (known !== undefined) return known;
  const digits = /^TYPE(\d{1,5})$/.exec(name)?.[1];
  return digits === undefined || Number(digits) > MAX_TYPE ? undefined : Number(digits);
}

function unknownType(text: string): Problem {
  const suggestion = nearest(text.toUpperCase(), TYPES.keys());
  const remedy = suggestion === undefined ? 'give its number, as in TYPE65' : `did you mean ${suggestion}?`;
  return { problem: `unknown type '${text}'`, remedy };
}
