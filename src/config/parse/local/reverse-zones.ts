import { addressOctets } from '../../../lib/ip-address.ts';
import type { Cidr } from '../../../model/address-block.ts';
import { type Parsed, refuse } from '../../config-problem.ts';

/** Bits that one label of a reverse name stands for: an octet (RFC 1035 §3.5), or a nibble (RFC 3596 §2.5). */
const LABEL_BITS = { 4: 8, 6: 4 } as const;

/**
 * Returns the reverse zones that cover exactly one network: a single zone if its prefix ends at a label, else one for
 * each label value within the prefix (at most 128 for IPv4 and 8 for IPv6). RFC 2317 names such networks by aliases,
 * whose targets only the operator knows; a list of the labels needs no aliases.
 */
export function reverseZones(block: Cidr): Parsed<readonly string[]> {
  const { address, prefix, family } = block;
  const text = `${address}/${prefix}`;
  if (prefix === 0) {
    const zone = family === 4 ? 'in-addr.arpa' : 'ip6.arpa';
    return refuse(text, 'covers every reverse name', `name ${zone} to route all of them`);
  }
  const octets = addressOctets(address);
  const labels = family === 4 ? octets : octets.flatMap((octet) => [octet >> 4, octet & 0xf]);
  const labelBits = LABEL_BITS[family];
  const whole = Math.floor(prefix / labelBits);
  const freeBits = prefix % labelBits === 0 ? 0 : labelBits - (prefix % labelBits);
  const count = 1 << freeBits;
  const fixed = labels.slice(0, whole);
  const rest = labels.slice(whole);
  const first = freeBits === 0 ? undefined : rest.shift();
  if (rest.some((label) => label !== 0) || (first !== undefined && first % count !== 0)) {
    return refuse(text, 'has bits set behind its prefix', 'write the first address of the network before the slash');
  }
  const starts = first === undefined ? [fixed] : Array.from({ length: count }, (_, index) => [...fixed, first + index]);
  return { value: starts.map((start) => reverseName(start, family)) };
}

function reverseName(labels: readonly number[], family: 4 | 6): string {
  const texts = labels.toReversed().map((label) => label.toString(family === 4 ? 10 : 16));
  return [...texts, family === 4 ? 'in-addr.arpa' : 'ip6.arpa'].join('.');
}
