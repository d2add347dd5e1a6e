import type { NetworkNamespace } from '../../fixtures/namespace/network-namespace.ts';
import { findProgram } from '../../fixtures/process/find-program.ts';

/** Notes where packets go that are not on loopback, before other rules drop them. */
const RULES = `table inet departures {
  set destinations {
    type ipv4_addr . inet_proto . inet_service
    flags dynamic
  }
  chain output {
    type filter hook output priority -1;
    oifname != "lo" update @destinations { ip daddr . meta l4proto . th dport }
  }
}
`;

/** What nft prints as JSON of a set of concatenated elements. */
interface ListedSet {
  readonly elem?: readonly { readonly concat: readonly [host: string, protocol: string, port: number] }[];
}

/** Notes from now on where the programs of a namespace send packets over IPv4. */
export async function watchDepartures(namespace: NetworkNamespace): Promise<() => Promise<readonly string[]>> {
  const nft = await findProgram('nft');
  await namespace.run(nft, RULES);
  return async () => {
    const listed = await namespace.run(nft, '--json', 'list', 'set', 'inet', 'departures', 'destinations');
    const { nftables } = JSON.parse(listed) as { readonly nftables: readonly { readonly set?: ListedSet }[] };
    return nftables
      .flatMap(({ set }) => set?.elem ?? [])
      .map(({ concat: [host, protocol, port] }) => `${protocol} ${host}:${port}`)
      .toSorted();
  };
}
