import { MS_PER_SECOND } from '../../lib/units.ts';
import { readU16 } from '../wire/bytes.ts';

/** An octet as `\DDD` (RFC 1035 §5.1). */
export function decimalEscape(octet: number): string {
  return `\\${String(octet).padStart(3, '0')}`;
}

/** One octet within a quoted string. */
export function quotedCharacter(octet: number): string {
  if (octet === 0x22 || octet === 0x5c) return `\\${String.fromCharCode(octet)}`;
  return octet >= 0x20 && octet < 0x7f ? String.fromCharCode(octet) : decimalEscape(octet);
}

/** Octets as a quoted character-string (RFC 1035 §5.1). */
export function quoted(octets: Uint8Array): string {
  return `"${[...octets].map(quotedCharacter).join('')}"`;
}

/** Four octets in dotted decimal. */
export function ipv4Text(octets: Uint8Array): string {
  return octets.join('.');
}

/** Sixteen octets in the canonical form of RFC 5952. */
export function ipv6Text(octets: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => readU16(octets, 2 * i).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

const BASE32_HEX = '0123456789ABCDEFGHIJKLMNOPQRSTUV';

/** Base32 with the extended hex alphabet (RFC 4648 §7), without padding. */
export function base32Hex(octets: Uint8Array): string {
  const bits = [...octets].map((octet) => octet.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{1,5}/g) ?? []).map((five) => BASE32_HEX[parseInt(five.padEnd(5, '0'), 2)]).join('');
}

/** A time of an RRSIG record: YYYYMMDDHHmmSS in UTC (RFC 4034 §3.2). Takes seconds since the epoch. */
export function timeText(seconds: number): string {
  return new Date(seconds * MS_PER_SECOND).toISOString().replace(/\.000Z$|\D/g, '');
}
