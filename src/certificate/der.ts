/** A tag of X.690 §8.1.2: its class, form and number in one octet. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** An element that was read. */
export interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
}

/** Lengths below this one are a single octet (X.690 §8.1.3.4). */
const LONG_FORM = 0x80;
/** Tags with this number continue in the next octet (X.690 §8.1.2.4). */
const LONG_TAG = 0x1f;

/** Encodes an element in the Distinguished Encoding Rules (X.690 §10). The contents are joined. */
export function element(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(contents);
  return Buffer.concat([Uint8Array.of(tag), encodeLength(content.length), content]);
}

function encodeLength(length: number): Uint8Array {
  if (length < LONG_FORM) return Uint8Array.of(length);
  const hex = length.toString(16);
  const octets = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
  return Buffer.concat([Uint8Array.of(LONG_FORM | octets.length), octets]);
}

/** Encodes a SEQUENCE. */
export function sequence(...elements: readonly Uint8Array[]): Uint8Array {
  return element(TAG.sequence, ...elements);
}

/** The tag of a context-specific element (X.690 §8.1.2.2). */
export function contextTag(number: number, form: 'primitive' | 'constructed'): number {
  return (form === 'primitive' ? 0x80 : 0xa0) | number;
}

/**
 * Encodes an object identifier (X.690 §8.19).
 * @param text in dotted form, such as `2.5.29.17`
 */
export function oid(text: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  return element(TAG.oid, Uint8Array.from([first * 40 + second, ...rest].flatMap(base128)));
}

function base128(value: number): number[] {
  const digits = [value % 128];
  for (let left = Math.floor(value / 128); left > 0; left = Math.floor(left / 128)) digits.unshift(128 + (left % 128));
  return digits;
}

/**
 * Encodes a non-negative INTEGER in the fewest octets (X.690 §8.3.2).
 * @param magnitude big-endian
 */
export function integer(magnitude: Uint8Array): Uint8Array {
  const first = magnitude.findIndex((octet) => octet !== 0);
  const digits = first < 0 ? Uint8Array.of(0) : magnitude.subarray(first);
  const sign = (digits[0] ?? 0) < 0x80 ? Uint8Array.of() : Uint8Array.of(0);
  return element(TAG.integer, sign, digits);
}

/**
 * Encodes a BIT STRING.
 * @param unusedBits at the end of the last octet
 */
export function bitString(bits: Uint8Array, unusedBits: number = 0): Uint8Array {
  return element(TAG.bitString, Uint8Array.of(unusedBits), bits);
}

/** Encodes TRUE. */
export function booleanTrue(): Uint8Array {
  return element(TAG.boolean, Uint8Array.of(0xff));
}

/** Encodes a time of a certificate: UTCTime through 2049, GeneralizedTime from 2050 on (RFC 5280 §4.1.2.5). */
export function time(epochMs: number): Uint8Array {
  const [digits = ''] = new Date(epochMs).toISOString().replaceAll(/[-:T]/g, '').split('.');
  const isShort = digits < '2050';
  return element(isShort ? TAG.utcTime : TAG.generalizedTime, Buffer.from(`${isShort ? digits.slice(2) : digits}Z`));
}

/** Reads consecutive elements. Undefined if the octets are not DER with one-octet tags. */
export function readElements(bytes: Uint8Array): readonly Element[] | undefined {
  const elements: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at] ?? 0;
    const short = bytes[at + 1] ?? LONG_FORM;
    const lengthOctets = short < LONG_FORM ? 0 : short - LONG_FORM;
    // Three octets are 16 MiB. Zero is the indefinite form, which DER does not have.
    const isShort = short < LONG_FORM;
    if ((tag & LONG_TAG) === LONG_TAG || (!isShort && (lengthOctets === 0 || lengthOctets > 3))) return undefined;
    const start = at + 2 + lengthOctets;
    const length = isShort ? short : bytes.subarray(at + 2, start).reduce((sum, octet) => sum * 256 + octet, 0);
    if (start + length > bytes.length) return undefined;
    elements.push({ tag, content: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return elements;
}
