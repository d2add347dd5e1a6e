import { BlockList, isIPv6 } from 'node:net';
import { isLoopback } from '../lib/ip-address.ts';
import type { Cidr } from '../model/address-block.ts';

/**
 * Decides by its address whether a client may send queries: this machine always, others if a block of `allow` has them.
 */
export function createAccessList(allow: readonly Cidr[]): (client: string) => boolean {
  const allowed = new BlockList();
  for (const { address, prefix, family } of allow) allowed.addSubnet(address, prefix, `ipv${family}`);
  // Caches the last verdict: most queries come from the same address as the one before, and a lookup in the list costs
  // more than an answer from the cache.
  let lastClient = '';
  let lastVerdict = false;
  return (client) => {
    if (client !== lastClient) {
      lastVerdict = isLoopback(client) || allowed.check(client, isIPv6(client) ? 'ipv6' : 'ipv4');
      lastClient = client;
    }
    return lastVerdict;
  };
}
