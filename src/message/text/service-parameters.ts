import { readU16 } from '../wire/bytes.ts';
import { ipv4Text, ipv6Text, quoted, quotedCharacter } from './value-text.ts';

/** Names of the SvcParamKeys that RFC 9460 §14.3.2 registers, by number. */
const KEY_NAMES = ['mandatory', 'alpn', 'no-default-alpn', 'port', 'ipv4hint', 'ech', 'ipv6hint'] as const;

const KEY_BYTES = 2;
/** SvcParamKey and the length of the value (RFC 9460 §2.2). */
const PARAMETER_HEADER_BYTES = 4;

/**
 * Converts SvcParams to presentation form (RFC 9460 §2.1), as dig does.
 * @throws RangeError if they are malformed
 */
export function serviceParameters(octets: Uint8Array): readonly string[] {
  const parameters: string[] = [];
  for (let offset = 0; offset < octets.length; ) {
    if (offset + PARAMETER_HEADER_BYTES > octets.length) throw new RangeError('the parameter is truncated');
    const end = offset + PARAMETER_HEADER_BYTES + readU16(octets, offset + KEY_BYTES);
    if (end > octets.length) throw new RangeError('the parameter is truncated');
    const key = readU16(octets, offset);
    const value = valueText(key, octets.subarray(offset + PARAMETER_HEADER_BYTES, end));
    parameters.push(value === undefined ? keyName(key) : `${keyName(key)}=${value}`);
    offset = end;
  }
  return parameters;
}

function keyName(key: number): string {
  return KEY_NAMES[key] ?? `key${key}`;
}

/** The value in presentation form. Undefined if the key has no value. */
function valueText(key: number, octets: Uint8Array): string | undefined {
  switch (KEY_NAMES[key]) {
    case 'mandatory':
      return chunks(octets, KEY_BYTES)
        .map((chunk) => keyName(readU16(chunk, 0)))
        .join(',');
    case 'alpn':
      return `"${protocols(octets).join(',')}"`;
    case 'no-default-alpn':
      return undefined;
    case 'port':
      return chunks(octets, 2)
        .map((chunk) => readU16(chunk, 0))
        .join();
    case 'ipv4hint':
      return chunks(octets, 4).map(ipv4Text).join(',');
    case 'ech':
      return Buffer.from(octets).toString('base64');
    case 'ipv6hint':
      return chunks(octets, 16).map(ipv6Text).join(',');
    default:
      return octets.length === 0 ? undefined : quoted(octets);
  }
}

function chunks(octets: Uint8Array, bytes: number): readonly Uint8Array[] {
  if (octets.length === 0 || octets.length % bytes !== 0) throw new RangeError('the value is truncated');
  return Array.from({ length: octets.length / bytes }, (_, i) => octets.subarray(i * bytes, (i + 1) * bytes));
}

/** A list of ALPN IDs, each with a length octet (RFC 9460 §7.1.1). Commas are escaped twice (Appendix A.1). */
function protocols(octets: Uint8Array): readonly string[] {
  const names: string[] = [];
  for (let offset = 0; offset < octets.length; ) {
    const end = offset + 1 + (octets[offset] as number);
    if (end > octets.length) throw new RangeError('the ALPN list is truncated');
    names.push([...octets.subarray(offset + 1, end)].map(listCharacter).join(''));
    offset = end;
  }
  return names;
}

function listCharacter(octet: number): string {
  const text = String.fromCharCode(octet);
  return text === ',' || text === '\\' ? `\\\\${quotedCharacter(octet)}` : quotedCharacter(octet);
}
