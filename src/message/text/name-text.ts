import { MAX_LABEL_BYTES, MAX_NAME_BYTES, readName } from '../wire/name.ts';
import { decimalEscape } from './value-text.ts';

/** Characters with a special meaning in master files (RFC 1035 §5.1). Like dig, we escape them in names. */
const SPECIAL = '"$().;@\\';

interface NameText {
  /** In presentation form, with the trailing dot. Case as in the message. */
  readonly text: string;
  /** Offset after the name in the message. */
  readonly end: number;
}

/** Converts the name at `offset` to presentation form. Returns undefined if it is invalid. */
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

/** The text of each octet in a label. */
const LABEL_CHARACTERS: readonly string[] = Array.from({ length: 256 }, (_, octet) => labelCharacter(octet));

/** A decimal escape `\DDD`, another escaped character, a dot, or any other character. */
const PIECE = /\\(\d{3})|\\(\D)|(\.)|([^\\])/gy;

/**
 * Converts a name from presentation form to wire form. The trailing dot is optional. Returns undefined if the name is
 * invalid: an empty or too long label, a too long name, a character above U+00FF, or an incomplete escape.
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
