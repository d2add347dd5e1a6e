import { readU16, readU32 } from '../wire/bytes.ts';
import { TYPE } from '../wire/tables.ts';
import { nameText } from './name-text.ts';
import { serviceParameters } from './service-parameters.ts';
import { base32Hex, ipv4Text, ipv6Text, quoted, timeText } from './value-text.ts';

/** Longer hex and base64 is split, as with dig's default +split=56. A multiple of 4 keeps base64 quanta whole. */
const SPLIT_CHARACTERS = 56;

/** A position in RDATA. Includes the whole message, because names in RDATA may be compressed. */
interface Cursor {
  readonly wire: Uint8Array;
  offset: number;
  readonly end: number;
}

/** Converters for the fields of RDATA. Those that start with `rest` take all remaining octets. */
const FIELDS = {
  u8: (cursor: Cursor) => String(take(cursor, 1)[0]),
  u16: (cursor: Cursor) => String(readU16(take(cursor, 2), 0)),
  u32: (cursor: Cursor) => String(readU32(take(cursor, 4), 0)),
  time: (cursor: Cursor) => timeText(readU32(take(cursor, 4), 0)),
  ipv4: (cursor: Cursor) => ipv4Text(take(cursor, 4)),
  ipv6: (cursor: Cursor) => ipv6Text(take(cursor, 16)),
  name: (cursor: Cursor) => takeName(cursor),
  type: (cursor: Cursor) => typeName(readU16(take(cursor, 2), 0)),
  /** <character-string> (RFC 1035 §3.3). */
  string: (cursor: Cursor) => quoted(takeCounted(cursor)),
  /** A character-string without quotes: only letters and digits (RFC 8659 §4.1.1). */
  word: (cursor: Cursor) => takeWord(cursor),
  /** RFC 5155 §3.3: hexadecimal, or a hyphen if empty. */
  salt: (cursor: Cursor) => Buffer.from(takeCounted(cursor)).toString('hex').toUpperCase() || '-',
  /** RFC 5155 §3.3: base32 with the extended hex alphabet, without padding. */
  hash: (cursor: Cursor) => base32Hex(takeCounted(cursor)),
  restStrings: (cursor: Cursor) => {
    const strings = [];
    while (cursor.offset < cursor.end) strings.push(quoted(takeCounted(cursor)));
    return strings.join(' ');
  },
  restQuoted: (cursor: Cursor) => quoted(takeRest(cursor)),
  restHex: (cursor: Cursor) => split(Buffer.from(takeRest(cursor)).toString('hex').toUpperCase()),
  restBase64: (cursor: Cursor) => split(Buffer.from(takeRest(cursor)).toString('base64')),
  restTypes: (cursor: Cursor) => typesOf(takeRest(cursor)).join(' '),
  restParameters: (cursor: Cursor) => serviceParameters(takeRest(cursor)).join(' '),
} as const;

type Field = keyof typeof FIELDS;

const ONE_NAME: readonly Field[] = ['name'];
const KEY: readonly Field[] = ['u16', 'u8', 'u8', 'restBase64'];
const SIGNER: readonly Field[] = ['u16', 'u8', 'u8', 'restHex'];
const ASSOCIATION: readonly Field[] = ['u8', 'u8', 'u8', 'restHex'];
const SIGNATURE: readonly Field[] = ['type', 'u8', 'u8', 'u32', 'time', 'time', 'u16', 'name', 'restBase64'];
const SERVICE: readonly Field[] = ['u16', 'name', 'restParameters'];

/** The fields of each type, in the order of both RDATA and presentation form. */
const LAYOUTS: ReadonlyMap<number, readonly Field[]> = new Map<number, readonly Field[]>([
  [TYPE.A, ['ipv4']],
  [TYPE.NS, ONE_NAME],
  [TYPE.CNAME, ONE_NAME],
  [TYPE.SOA, ['name', 'name', 'u32', 'u32', 'u32', 'u32', 'u32']],
  [TYPE.PTR, ONE_NAME],
  [TYPE.HINFO, ['string', 'string']],
  [TYPE.MX, ['u16', 'name']],
  [TYPE.TXT, ['restStrings']],
  [TYPE.AAAA, ['ipv6']],
  [TYPE.SRV, ['u16', 'u16', 'u16', 'name']],
  [TYPE.NAPTR, ['u16', 'u16', 'string', 'string', 'string', 'name']],
  [TYPE.DNAME, ONE_NAME],
  [TYPE.DS, SIGNER],
  [TYPE.CDS, SIGNER],
  [TYPE.SSHFP, ['u8', 'u8', 'restHex']],
  [TYPE.RRSIG, SIGNATURE],
  [TYPE.NSEC, ['name', 'restTypes']],
  [TYPE.DNSKEY, KEY],
  [TYPE.CDNSKEY, KEY],
  [TYPE.NSEC3, ['u8', 'u8', 'u16', 'salt', 'hash', 'restTypes']],
  [TYPE.NSEC3PARAM, ['u8', 'u8', 'u16', 'salt']],
  [TYPE.TLSA, ASSOCIATION],
  [TYPE.SMIMEA, ASSOCIATION],
  [TYPE.OPENPGPKEY, ['restBase64']],
  [TYPE.SVCB, SERVICE],
  [TYPE.HTTPS, SERVICE],
  [TYPE.URI, ['u16', 'u16', 'restQuoted']],
  [TYPE.CAA, ['u8', 'word', 'restQuoted']],
]);

const TYPE_NAMES: ReadonlyMap<number, string> = new Map(Object.entries(TYPE).map(([name, number]) => [number, name]));

/** The mnemonic of a type, or `TYPE` and the number if it is unknown (RFC 3597 §5). */
export function typeName(type: number): string {
  return TYPE_NAMES.get(type) ?? `TYPE${type}`;
}

/**
 * Converts RDATA to presentation form, as dig does. RDATA of unknown types and malformed RDATA appear in hexadecimal
 * (RFC 3597 §5).
 */
export function recordDataText(wire: Uint8Array, type: number, start: number, end: number): string {
  const layout = LAYOUTS.get(type);
  const cursor: Cursor = { wire, offset: start, end };
  try {
    const fields = layout?.map((field) => FIELDS[field](cursor));
    if (fields !== undefined && cursor.offset === end) return fields.filter((field) => field !== '').join(' ');
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  const hex = Buffer.from(wire.subarray(start, end)).toString('hex').toUpperCase();
  return hex === '' ? '\\# 0' : `\\# ${end - start} ${split(hex)}`;
}

/** Takes the next octets. @throws RangeError if there are too few */
function take(cursor: Cursor, bytes: number): Uint8Array {
  const { wire, offset, end } = cursor;
  if (offset + bytes > end) throw new RangeError('the RDATA is too short');
  cursor.offset = offset + bytes;
  return wire.subarray(offset, cursor.offset);
}

/** Takes a length octet and as many octets. */
function takeCounted(cursor: Cursor): Uint8Array {
  const [length = 0] = take(cursor, 1);
  return take(cursor, length);
}

function takeWord(cursor: Cursor): string {
  const word = Buffer.from(takeCounted(cursor)).toString('latin1');
  if (!/^[A-Za-z\d]+$/.test(word)) throw new RangeError('not a word');
  return word;
}

function takeRest(cursor: Cursor): Uint8Array {
  return take(cursor, cursor.end - cursor.offset);
}

function takeName(cursor: Cursor): string {
  const name = nameText(cursor.wire, cursor.offset);
  if (name === undefined || name.end > cursor.end) throw new RangeError('the RDATA has no name there');
  cursor.offset = name.end;
  return name.text;
}

function split(text: string): string {
  return text.replace(new RegExp(`.{${SPLIT_CHARACTERS}}(?=.)`, 'g'), '$& ');
}

/** The types in the window blocks of a type bitmap (RFC 4034 §4.1.2). */
function typesOf(bitmaps: Uint8Array): readonly string[] {
  const types: string[] = [];
  for (let offset = 0; offset < bitmaps.length; ) {
    const [window = 0, length = 0] = bitmaps.subarray(offset, offset + 2);
    const bitmap = bitmaps.subarray(offset + 2, offset + 2 + length);
    if (bitmap.length < length || length === 0) throw new RangeError('the type bitmap is truncated');
    for (let bit = 0; bit < 8 * length; bit++) {
      if (((bitmap[bit >>> 3] as number) & (0x80 >>> (bit & 7))) !== 0) types.push(typeName(256 * window + bit));
    }
    offset += 2 + length;
  }
  return types;
}
