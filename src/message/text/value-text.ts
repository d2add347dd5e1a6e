import { readU16 } from '../wire/bytes.ts';

/** `\DDD` (RFC 1035 §5.1). */
export function decimalEscape(octet: number): string {
  return `\\${String(octet).padStart(3, '0')}`;
}

/** One octet of what stands between quotes. */
export function quotedCharacter(octet: number): string {
  if (octet === 0x22 || octet === 0x5c) return `\\${String.fromCharCode(octet)}`;
  return octet >= 0x20 && octet < 0x7f ? String.fromCharCode(octet) : decimalEscape(octet);
}

export function quoted(octets: Uint8Array): string {
  return `"${[...octets].map(quotedCharacter).join('')}"`;
}

export function ipv4Text(octets: Uint8Array): string {
  return octets.join('.');
}

/** RFC 5952. */
export function ipv6Text(octets: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => readU16(octets, 2 * i).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

const BASE32_HEX = '0123456789ABCDEFGHIJKLMNOPQRSTUV';

/** RFC 4648 §7, without padding. */
export function base32Hex(octets: Uint8Array): string {
  const bits = [...octets].map((octet) => octet.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{1,5}/g) ?? []).map((five) => BASE32_HEX[parseInt(five.padEnd(5, '0'), 2)]).join('');
}

/** RFC 4034 §3.2: YYYYMMDDHHmmSS in UTC. */
export function timeText(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/\.000Z$|\D/g, '');
}
