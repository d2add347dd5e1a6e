import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type NetworkNamespace, startNetworkNamespace } from '../fixtures/namespace/network-namespace.ts';
import { findProgram } from '../fixtures/process/find-program.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';

/** Documentation addresses (RFC 5737 §3, RFC 3849 §2), routed like any others. */
const OWN = { ipv4: '192.0.2.1', ipv6: '2001:db8::1' } as const;
const GATEWAY = { ipv4: '192.0.2.53', ipv6: '2001:db8::53' } as const;

/** The namespace's own address besides loopback. Packets to it stay inside. */
export const OWN_ADDRESS: string = OWN.ipv4;

/** The name server in the namespace's resolv.conf. */
export const NAMESERVER: string = GATEWAY.ipv4;

/**
 * The nftables rules. `output` sees every IPv4 and IPv6 packet of the namespace. The interface counter covers the rest:
 * ARP and raw link-layer packets.
 */
const RULES = `table inet leaks {
  counter leaked { }
  chain output {
    type filter hook output priority 0;
    oifname != "lo" counter name leaked drop
  }
}
`;

/**
 * `$3` is a file with the rules, `$4` a resolv.conf. The way out is a pair of virtual interfaces with nothing at the
 * far end. They send nothing by themselves: no ARP, and no link-local addresses that the kernel announces.
 */
const SET_UP = `
ip=$1 nft=$2
"$ip" link set lo up
"$nft" -f "$3"
"$ip" link add out type veth peer name far
for link in out far; do
  "$ip" link set $link addrgenmode none arp off
  "$ip" link set $link up
done
"$ip" address add ${OWN.ipv4}/24 dev out
"$ip" address add ${OWN.ipv6}/64 dev out nodad
"$ip" route add default via ${GATEWAY.ipv4}
"$ip" -6 route add default via ${GATEWAY.ipv6}
mount --bind "$4" /etc/resolv.conf
`;

/**
 * A network namespace with addresses, a default route and a name server. Counts and drops every packet not on loopback.
 */
export interface Namespace extends NetworkNamespace {
  /** Number of packets that tried to leave since the start. */
  leakedPackets(): Promise<number>;
}

export async function startNamespace(): Promise<Namespace> {
  await using resources = new AsyncDisposableStack();
  const { path } = resources.use(await createTemporaryDirectory());
  const [rules, resolvConf] = [join(path, 'rules'), join(path, 'resolv.conf')];
  await writeFile(rules, RULES);
  await writeFile(resolvConf, `nameserver ${NAMESERVER}\noptions timeout:1 attempts:1\n`);
  const namespace = resources.use(await startNetworkNamespace({ script: SET_UP, args: [rules, resolvConf] }));
  const [ip, nft] = await Promise.all([findProgram('ip'), findProgram('nft')]);
  const running = resources.move();
  return {
    ...namespace,
    async leakedPackets() {
      const counter = await namespace.run(nft, 'list', 'counter', 'inet', 'leaks', 'leaked');
      const counted = Number(/packets (\d+)/.exec(counter)?.[1]);
      const [link] = JSON.parse(await namespace.run(ip, '-json', '-stats', 'link', 'show', 'out'));
      return counted + Number(link.stats64.tx.packets);
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
