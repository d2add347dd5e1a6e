import { MAX_LABEL_BYTES, MAX_NAME_BYTES } from '../../message/wire/name.ts';
import { RULE, type Rule } from './name-set.ts';

/** Whether a list blocks its names or exempts them from blocking. */
export type ListKind = 'block' | 'allow';

/** What takes the names of a list: a set, or what counts them first. */
export interface NameSink {
  /** Takes the name at `start`, which is in wire form, valid and in lower case. */
  add(name: Uint8Array, start: number, rule: Rule): void;
}

/** A longer line is no name. Bounds what is kept of a line until its end is read. */
const MAX_LINE_BYTES = 4096;

const LF = 0x0a;
const DOT = 0x2e;
const SPACE = 0x20;
const BAR = 0x7c;
const CARET = 0x5e;
const ZEROS: readonly number[] = [...Buffer.from('0.0.0.0 ')];

/** Addresses that hosts files give to names that they block. */
const SINKS: ReadonlySet<string> = new Set(['0.0.0.0', '127.0.0.1', '::', '::1']);

/** Rules of an AdBlock list about a name and all names below it: `||name^`. A bar at the end changes nothing. */
const ADBLOCK = /^(?<exception>@@)?\|\|(?<name>[^/^$*|]+)\^\|?$/;

/** First characters of comments: `#`, and in AdBlock lists `!` and `[`. */
const COMMENT = /^[#![]/;

const LOCALHOST = 'localhost';

/**
 * Parses a list as it is read, and passes its names on. It understands three kinds of lines:
 *
 * - hosts(5): `0.0.0.0 name name`, also with 127.0.0.1, :: and ::1. The names alone, not those below.
 * - `name`, with at least one dot: the name and all names below it.
 * - AdBlock: `||name^`, and in allow lists `@@||name^`: the same.
 *
 * Empty lines and comments are skipped. All other lines are counted, and have no effect.
 */
export class ListParser {
  readonly #names: NameSink;
  readonly #rules: { readonly exact: Rule; readonly below: Rule };
  readonly #isAllow: boolean;
  readonly #name = new Uint8Array(MAX_NAME_BYTES);
  /** The line whose end is not read yet. */
  readonly #rest = new Uint8Array(MAX_LINE_BYTES);
  #restBytes = 0;
  #isTooLong = false;
  #otherLines = 0;

  constructor(names: NameSink, kind: ListKind) {
    this.#names = names;
    this.#isAllow = kind === 'allow';
    this.#rules = this.#isAllow
      ? { exact: RULE.allow, below: RULE.allowBelow }
      : { exact: RULE.block, below: RULE.blockBelow };
  }

  /** Number of lines that are not understood. */
  get otherLines(): number {
    return this.#otherLines;
  }

  /** Takes the next part of the file. */
  push(chunk: Uint8Array): void {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(LF, start);
      if (end === -1) return this.#keep(chunk, start, chunk.length);
      if (this.#restBytes === 0 && !this.#isTooLong) this.#line(chunk, start, end);
      else {
        this.#keep(chunk, start, end);
        this.end();
      }
      start = end + 1;
    }
  }

  /** Takes what is left as a line: the last line may have no end. */
  end(): void {
    if (this.#isTooLong) this.#otherLines++;
    else this.#line(this.#rest, 0, this.#restBytes);
    this.#restBytes = 0;
    this.#isTooLong = false;
  }

  #keep(chunk: Uint8Array, start: number, end: number): void {
    if (this.#restBytes + end - start > MAX_LINE_BYTES) this.#isTooLong = true;
    if (this.#isTooLong) return;
    this.#rest.set(chunk.subarray(start, end), this.#restBytes);
    this.#restBytes += end - start;
  }

  #line(bytes: Uint8Array, start: number, end: number): void {
    while (end > start && (bytes[end - 1] as number) <= SPACE) end--;
    if (start === end) return;
    if (this.#addUsual(bytes, start, end)) return;
    const text = Buffer.prototype.latin1Slice.call(bytes, start, end).replace(/^\u00ef\u00bb\u00bf/, '');
    if (!this.#addText(text)) this.#otherLines++;
  }

  /**
   * Adds the name of a usual line: `name`, `||name^`, or one name behind an address of zeros. Makes no text of it,
   * which would take several times as long. Returns false for any other line, and for names without a dot.
   */
  #addUsual(bytes: Uint8Array, start: number, end: number): boolean {
    const isAdblock = bytes[start] === BAR && bytes[start + 1] === BAR && bytes[end - 1] === CARET;
    const isHosts = !isAdblock && ZEROS.every((octet, i) => bytes[start + i] === octet);
    const nameStart = isAdblock ? start + 2 : isHosts ? start + ZEROS.length : start;
    if (this.#encode(bytes, nameStart, isAdblock ? end - 1 : end) < 2) return false;
    this.#names.add(this.#name, 0, isHosts ? this.#rules.exact : this.#rules.below);
    return true;
  }

  #addText(line: string): boolean {
    if (COMMENT.test(line)) return true;
    const [content = ''] = line.split(/(?:^|\s)#/, 1);
    const [first = '', ...hosts] = content.trim().split(/\s+/);
    const { name, exception } = ADBLOCK.exec(content.trim())?.groups ?? {};
    if (name !== undefined) return (exception === undefined || this.#isAllow) && this.#addBelow(name);
    if (hosts.length === 0) return first === '' || (first.includes('.') && this.#addBelow(first));
    if (!SINKS.has(first)) return false;
    // Hosts files begin with the names of this machine, which no list is about. They have no dot, or are addresses.
    return hosts.filter((host) => host.includes('.') && !SINKS.has(host)).every((host) => this.#addHost(host));
  }

  #addBelow(name: string): boolean {
    const bytes = Buffer.from(name, 'latin1');
    if (name.toLowerCase() === LOCALHOST || this.#encode(bytes, 0, bytes.length) === 0) return false;
    this.#names.add(this.#name, 0, this.#rules.below);
    return true;
  }

  #addHost(name: string): boolean {
    const bytes = Buffer.from(name, 'latin1');
    if (this.#encode(bytes, 0, bytes.length) === 0) return false;
    this.#names.add(this.#name, 0, this.#rules.exact);
    return true;
  }

  /**
   * Encodes a name of letters, digits, hyphens and underscores in wire form. Returns the number of its labels, or 0 if
   * it is no such name or ends with a label of digits, like an address.
   */
  #encode(bytes: Uint8Array, start: number, end: number): number {
    if (bytes[end - 1] === DOT) end--;
    if (end <= start || end - start > MAX_NAME_BYTES - 2) return 0;
    const name = this.#name;
    let labels = 0;
    let lengthAt = 0;
    let hasLetter = false;
    for (let i = start; i <= end; i++) {
      const octet = i === end ? DOT : (bytes[i] as number);
      const at = i - start + 1;
      if (octet !== DOT) {
        const letter = LETTERS[octet] as number;
        if (letter === 0) return 0;
        if (letter > 0x39 || letter === HYPHEN) hasLetter = true;
        name[at] = letter;
        continue;
      }
      const length = at - lengthAt - 1;
      if (length === 0 || length > MAX_LABEL_BYTES) return 0;
      name[lengthAt] = length;
      lengthAt = at;
      labels++;
      if (i < end) hasLetter = false;
    }
    name[lengthAt] = 0;
    return hasLetter ? labels : 0;
  }
}

const HYPHEN = 0x2d;

/** The octets that a name can have, in lower case; 0 for all others. */
const LETTERS = new Uint8Array(256);
for (const letter of '0123456789abcdefghijklmnopqrstuvwxyz-_') {
  LETTERS[letter.toUpperCase().charCodeAt(0)] = letter.charCodeAt(0);
  LETTERS[letter.charCodeAt(0)] = letter.charCodeAt(0);
}
