import { isIP } from 'node:net';
import { ZONE } from '../../lib/ip-address.ts';
import type { Cidr } from '../../model/address-block.ts';
import { type Parsed, refuse } from '../config-problem.ts';

const ADDRESS_BITS = { 4: 32, 6: 128 } as const;

/** Parses `address/prefix` (RFC 4632 §3.1, RFC 4291 §2.3). An address without a prefix is a block of one. */
export function parseCidr(text: string): Parsed<Cidr> {
  const [address = '', prefixText, ...rest] = text.split('/');
  const family = isIP(address);
  if (family !== 4 && family !== 6) {
    return refuse(text, 'does not begin with an IP address', 'write a network such as 192.168.1.0/24');
  }
  // The access list ignores interfaces, so such an entry would admit more clients than it says.
  if (address.includes(ZONE)) {
    return refuse(text, 'names a network interface', `remove '${address.slice(address.indexOf(ZONE))}'`);
  }
  const bits = ADDRESS_BITS[family];
  if (prefixText === undefined) return { value: { address, prefix: bits, family } };
  const prefix = /^\d{1,3}$/.test(prefixText) && rest.length === 0 ? Number(prefixText) : Number.NaN;
  if (!(prefix <= bits)) return refuse(text, 'has no valid prefix length', `give 0 to ${bits} after the slash`);
  return { value: { address, prefix, family } };
}
