import { isIPv4, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';
import { ConfigError } from '../../config/config-error.ts';
import { nearest } from '../../lib/nearest.ts';
import { parseName } from '../../message/text/name-text.ts';
import { TYPE } from '../../message/wire/tables.ts';

/** The `+` options, as dig has them; each also with `no` in front. */
const SWITCHES = ['short', 'tcp', 'dnssec', 'cd'] as const;
type Switch = (typeof SWITCHES)[number];

/** What else dig calls them. */
const ALIASES: ReadonlyMap<string, Switch> = new Map([
  ['vc', 'tcp'],
  ['do', 'dnssec'],
  ['cdflag', 'cd'],
]);

const MAX_TYPE = 0xffff;

/** What the words of `dns4tor query` come to. */
export interface QueryWords {
  /** QNAME in wire form. */
  readonly name: Uint8Array;
  readonly type: number;
  /** As in `@127.0.0.1`. */
  readonly server: string | undefined;
  readonly switches: Readonly<Record<Switch, boolean>>;
}

/**
 * Reads the words in dig's order or any other: NAME, TYPE, `+option`, `@server`.
 * @param reverse the address of `-x`, in place of a name
 * @throws ConfigError with all that is wrong
 */
export function readQueryWords(words: readonly string[], reverse: string | undefined): QueryWords {
  const problems: string[] = [];
  const switches: Record<Switch, boolean> = { short: false, tcp: false, dnssec: false, cd: false };
  let server: string | undefined;
  const rest: string[] = [];
  for (const word of words) {
    if (word.startsWith('+')) {
      const set = readSwitch(word);
      if (typeof set === 'string') problems.push(set);
      else switches[set.name] = set.value;
    } else if (word.startsWith('@')) server = word.slice(1);
    // The class, which some are used to write, is the only one that there is.
    else if (!(word.toUpperCase() === 'IN' && rest.length > 0)) rest.push(word);
  }
  const question = reverse === undefined ? readQuestion(rest) : readReverse(reverse, rest);
  if (typeof question === 'string') problems.push(question);
  if (typeof question === 'string' || problems.length > 0) throw new ConfigError(problems);
  return { ...question, server, switches };
}

function readSwitch(word: string): { readonly name: Switch; readonly value: boolean } | string {
  const text = word.slice(1).toLowerCase();
  for (const value of [true, false]) {
    const bare = value ? text : text.replace(/^no/, '');
    const name = ALIASES.get(bare) ?? SWITCHES.find((known) => known === bare);
    if (name !== undefined) return { name, value };
  }
  const suggestion = nearest(text, SWITCHES);
  const remedy = suggestion === undefined ? `here are ${list()}` : `did you mean +${suggestion}?`;
  return `${word}: of dig's options this is none that is known here; ${remedy}`;
}

function list(): string {
  return SWITCHES.map((name) => `+${name}`).join(', ');
}

type Question = Pick<QueryWords, 'name' | 'type'>;

function readQuestion(words: readonly string[]): Question | string {
  const [first, second] = words;
  if (first === undefined) return 'no name: give the name to be looked up, as in dns4tor query example.com AAAA';
  if (words.length > 2) return `'${words[2]}': is not expected here; a name and a type are all that is asked for`;
  // dig takes them in either order; a name that looks like a type stands first.
  const isSwapped = second !== undefined && typeNumber(second) === undefined && typeNumber(first) !== undefined;
  const [nameText, typeText] = isSwapped ? [second, first] : [first, second];
  const name = toName(nameText);
  if (name === undefined) return `'${nameText}': is no name; labels have 1 to 63 octets, and all together at most 255`;
  const type = typeText === undefined ? TYPE.A : typeNumber(typeText);
  return type === undefined ? describeUnknownType(typeText ?? '') : { name, type };
}

function readReverse(address: string, words: readonly string[]): Question | string {
  if (words.length > 0) return `'${words[0]}': is not expected beside -x, which asks for the name of an address`;
  const name = parseName(reverseName(address) ?? '');
  return name === undefined ? `-x: '${address}' is no IP address` : { name, type: TYPE.PTR };
}

/** RFC 1035 §3.5, RFC 3596 §2.5. */
function reverseName(address: string): string | undefined {
  if (isIPv4(address)) return `${address.split('.').toReversed().join('.')}.in-addr.arpa.`;
  if (!isIPv6(address) || address.includes('%')) return undefined;
  // Without a dotted part, and in the shortest form: at most one gap.
  const [head = '', tail = ''] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const [before, after] = [head, tail].map((part) => part.split(':').filter((group) => group !== ''));
  const gap = Array.from({ length: 8 - (before?.length ?? 0) - (after?.length ?? 0) }, () => '0');
  const groups = [...(before ?? []), ...gap, ...(after ?? [])];
  const nibbles = groups.flatMap((group) => group.padStart(4, '0').split(''));
  return `${nibbles.toReversed().join('.')}.ip6.arpa.`;
}

/** Letters beyond ASCII as the DNS has them (RFC 5891). */
function toName(text: string): Uint8Array | undefined {
  return parseName(/^\p{ASCII}*$/u.test(text) ? text : domainToASCII(text));
}

const TYPES: ReadonlyMap<string, number> = new Map(Object.entries(TYPE));

/** By name, or as `TYPE` and the number (RFC 3597 §5). */
function typeNumber(text: string): number | undefined {
  const name = text.toUpperCase();
  const known = TYPES.get(name);
  if (known !== undefined) return known;
  const digits = /^TYPE(\d{1,5})$/.exec(name)?.[1];
  return digits === undefined || Number(digits) > MAX_TYPE ? undefined : Number(digits);
}

function describeUnknownType(text: string): string {
  const suggestion = nearest(text.toUpperCase(), TYPES.keys());
  const remedy =
    suggestion === undefined ? 'any can be given by its number, as in TYPE65' : `did you mean ${suggestion}?`;
  return `'${text}': there is no such type; ${remedy}`;
}
