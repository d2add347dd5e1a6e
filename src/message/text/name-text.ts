import { MAX_LABEL_BYTES, MAX_NAME_BYTES, readName } from '../wire/name.ts';
import { decimalEscape } from './value-text.ts';

/** What master files (RFC 1035 §5.1) give a meaning of their own; dig writes a backslash before each in a name. */
const SPECIAL = '"$().;@\\';

export interface NameText {
  /** In presentation form, with the root's dot, spelt as in the message. */
  readonly text: string;
  /** Offset after the name in the message. */
  readonly end: number;
}

/** The name at `offset`, or undefined for what is none. */
export function nameText(wire: Uint8Array, offset: number): NameText | undefined {
  const octets = new Uint8Array(MAX_NAME_BYTES);
  const extent = readName(wire, offset, octets, true);
  if (extent === undefined) return undefined;
  let text = '';
  for (let start = 0; octets[start] !== 0; ) {
    const end = start + 1 + (octets[start] as number);
    for (let i = start + 1; i < end; i++) text += LABEL_CHARACTERS[octets[i] as number];
    text += '.';
    start = end;
  }
  return { text: text === '' ? '.' : text, end: extent.end };
}

function labelCharacter(octet: number): string {
  const character = String.fromCharCode(octet);
  if (SPECIAL.includes(character)) return `\\${character}`;
  return octet > 0x20 && octet < 0x7f ? character : decimalEscape(octet);
}

/** The text of each octet within a label. */
const LABEL_CHARACTERS: readonly string[] = Array.from({ length: 256 }, (_, octet) => labelCharacter(octet));

/** One character of a label: `\DDD`, a character that a backslash takes its meaning from, a dot, or any other. */
const PIECE = /\\(\d{3})|\\(\D)|(\.)|([^\\])/gy;

/**
 * A name in wire form, from its presentation form; the root's dot may be left out. Undefined for what is no name: a label that is empty or too
 * long, a name that is, characters beyond one octet, or half an escape.
 */
export function parseName(text: string): Uint8Array | undefined {
  if (text === '.') return Uint8Array.of(0);
  const octets: number[] = [];
  let label: number[] = [];
  let read = 0;
  const endLabel = (): boolean => {
    const isLabel = label.length > 0 && label.length <= MAX_LABEL_BYTES;
    octets.push(label.length, ...label);
    label = [];
    return isLabel;
  };
  for (const [piece, decimal, escaped, dot, plain] of text.matchAll(PIECE)) {
    read += piece.length;
    const octet = decimal === undefined ? (escaped ?? plain ?? '').charCodeAt(0) : Number(decimal);
    if (dot !== undefined) {
      if (!endLabel()) return undefined;
    } else if (octet > 0xff) return undefined;
    else label.push(octet);
  }
  if (read < text.length || text === '') return undefined;
  if (label.length > 0 && !endLabel()) return undefined;
  octets.push(0);
  return octets.length <= MAX_NAME_BYTES ? Uint8Array.from(octets) : undefined;
}
