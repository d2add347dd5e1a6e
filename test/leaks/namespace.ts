import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram } from '../fixtures/process/find-program.ts';
import { startProcess } from '../fixtures/process/process.ts';
import { runProgram } from '../fixtures/process/run-program.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';

const START_TIMEOUT_MS = 5_000;
const READY = 'the namespace is ready';

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
 * `$1` is ip, `$2` is nft, `$3` a file with the rules, `$4` a resolv.conf. The way out is a pair of virtual interfaces
 * with nothing at the far end. They send nothing by themselves: no ARP, and no link-local addresses that the kernel
 * announces.
 */
const SET_UP = `
set -e
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
echo ${READY}
exec sleep infinity
`;

/**
 * A network namespace with addresses, a default route and a name server. Counts and drops every packet not on loopback.
 */
export interface Namespace extends AsyncDisposable {
  /** A wrapper that runs a program in the namespace. The file system is the one outside. */
  readonly via: readonly string[];
  /** Runs a program in the namespace and returns its stdout. Rejects if it fails. */
  run(path: string, ...args: readonly string[]): Promise<string>;
  /** Number of packets that tried to leave since the start. */
  leakedPackets(): Promise<number>;
}

export async function startNamespace(): Promise<Namespace> {
  await using resources = new AsyncDisposableStack();
  const { path } = resources.use(await createTemporaryDirectory());
  const [rules, resolvConf] = [join(path, 'rules'), join(path, 'resolv.conf')];
  await writeFile(rules, RULES);
  await writeFile(resolvConf, `nameserver ${NAMESERVER}\noptions timeout:1 attempts:1\n`);
  const asRoot = process.getuid?.() === 0;
  const [unshare, ip, nft, nsenter] = await Promise.all([
    findProgram('unshare'),
    findProgram('ip'),
    findProgram('nft'),
    findProgram('nsenter'),
  ]);
  const isolated = ['--net', '--mount', ...(asRoot ? [] : ['--map-root-user'])];
  const setUp = ['sh', '-c', SET_UP, 'sh', ip, nft, rules, resolvConf];
  const holder = resources.use(await startProcess(unshare, [...isolated, ...setUp]));
  await holder.waitUntil('the namespace is set up', START_TIMEOUT_MS, () => holder.output.includes(READY));

  const user = asRoot ? [] : ['--user', '--preserve-credentials'];
  const enter = ['--target', String(holder.pid), '--net', '--mount', ...user, '--wd=.', '--'];
  const run = (program: string, ...args: readonly string[]): Promise<string> =>
    runProgram('nsenter', [...enter, program, ...args]);
  const running = resources.move();
  return {
    via: [nsenter, ...enter],
    run,
    async leakedPackets() {
      const counter = await run(nft, 'list', 'counter', 'inet', 'leaks', 'leaked');
      const counted = Number(/packets (\d+)/.exec(counter)?.[1]);
      const [link] = JSON.parse(await run(ip, '-json', '-stats', 'link', 'show', 'out'));
      return counted + Number(link.stats64.tx.packets);
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
