import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkCommandLine } from '../../docs/dns4tor-command.ts';
import { parseShell } from '../../docs/shell.ts';
import { DIG_FLAGS, type DigReply, readDigReply } from '../../fixtures/dns/dig.ts';
import { type SignedRoot, startSignedRoot } from '../../fixtures/dns/signed-root.ts';
import { dsFields } from '../../fixtures/dns/validating-forwarder.ts';
import { type NetworkNamespace, startNetworkNamespace } from '../../fixtures/namespace/network-namespace.ts';
import { type Daemon, startDaemon } from '../../fixtures/process/daemon.ts';
import { findProgram } from '../../fixtures/process/find-program.ts';
import { type RunningProcess, startProcess } from '../../fixtures/process/process.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { createOnionKey } from '../../fixtures/tor/onion-key.ts';
import { startSocksDouble } from '../../tor/socks-double.ts';

const START_TIMEOUT_MS = 10_000;

/** The resolver that the network offers. It does not exist; packets to it are counted and lost. */
export const NETWORK_RESOLVER = '192.0.2.53';

/** Where Debian's dnsmasq-base has the trust anchors of the real root. */
const TRUST_ANCHORS = '/usr/share/dnsmasq-base/trust-anchors.conf';

/**
 * `$3` is a resolv.conf, `$4` a file with the trust anchor of the test's root for dnsmasq. Nothing reads the far end of
 * `wan`.
 */
const MACHINE = `
"$1" link set lo up
"$1" link add wan type veth peer name nowhere
for end in wan nowhere; do "$1" link set $end addrgenmode none arp off; "$1" link set $end up; done
"$1" address add 192.0.2.7/24 dev wan
"$1" route add default dev wan
"$2" 'table inet leaks {
  counter left {}
  chain output { type filter hook output priority 0; oifname "wan" counter name left; }
}'
mount --bind "$3" /etc/resolv.conf
mount --bind "$4" ${TRUST_ANCHORS}
`;

/** A machine of a household: a network namespace in which all ports are free, with a way out. */
export interface Machine extends AsyncDisposable {
  readonly namespace: NetworkNamespace;
  /** A directory for the configuration of its programs. */
  readonly directory: string;
  /** Its resolv.conf, which names the network's resolver. */
  readonly resolvConf: string;
  /** The trust anchor of the test's root, as dnsmasq takes it. */
  readonly dnsmasqAnchor: string;
  /** The trust anchor as a DS record on one line. */
  readonly trustAnchor: string;
  /** Starts dns4tor with the command of a shell block, and resolves once its answers arrive. */
  startDns4tor(block: string): Promise<Daemon>;
  /** Starts a program that serves DNS. Resolves once it answers at this address. */
  startServer(command: readonly string[], address: string): Promise<RunningProcess>;
  /** Starts dnsmasq with these options. Resolves once it answers at this address. Without one, it serves DHCP only. */
  startDnsmasq(options: readonly string[], address?: string): Promise<RunningProcess>;
  dig(...args: readonly string[]): Promise<DigReply>;
  /** Number of packets that have left the household. */
  leaks(): Promise<number>;
  /** Starts a machine whose `eth0` is joined by a cable to an interface of the given name here. */
  connect(name: string, address: string, itsAddress?: string): Promise<Machine>;
}

type Awaitable<T> = T | Promise<T>;

/** What all machines of a test share: a signed root behind a SOCKS server that replaces Tor. */
interface Surroundings {
  readonly root: SignedRoot;
  readonly socksPath: string;
}

/** Starts a machine, with an upstream for the dns4tor that will run there. */
export async function startMachine(): Promise<Machine> {
  await using resources = new AsyncDisposableStack();
  const { path } = resources.use(await createTemporaryDirectory());
  const root = resources.use(await startSignedRoot());
  const socksPath = join(path, 'socks');
  resources.use(await startSocksDouble({ target: root, path: socksPath }));
  const machine = resources.use(await startMachineIn({ root, socksPath }));
  const running = resources.move();
  return { ...machine, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

async function startMachineIn(surroundings: Surroundings, within?: NetworkNamespace): Promise<Machine> {
  await using resources = new AsyncDisposableStack();
  const { root, socksPath } = surroundings;
  const { path: directory } = resources.use(await createTemporaryDirectory());
  const [resolvConf, anchors] = [join(directory, 'resolv.conf'), join(directory, 'trust-anchors.conf')];
  const dnsmasqAnchor = `trust-anchor=.,${dsFields(root.trustAnchor).join(',')}`;
  await writeFile(resolvConf, `nameserver ${NETWORK_RESOLVER}\n`);
  await writeFile(anchors, `${dnsmasqAnchor}\n`);
  const setUp = { script: MACHINE, args: [resolvConf, anchors] };
  const namespace = resources.use(await startNetworkNamespace(within === undefined ? setUp : { ...setUp, within }));
  const dig = async (...args: readonly string[]): Promise<DigReply> =>
    readDigReply(await namespace.run(await findProgram('dig'), ...DIG_FLAGS, ...args));
  const start = async (command: readonly string[], isReady: (running: RunningProcess) => Awaitable<boolean>) => {
    const [program = '', ...args] = [...namespace.via, ...command];
    const running = await startProcess(program, args);
    try {
      await running.waitUntil('it serves', START_TIMEOUT_MS, () => isReady(running));
    } catch (error) {
      await running.stop();
      throw error;
    }
    return running;
  };
  const answersAt = (address: string): Promise<boolean> =>
    dig(`@${address}`, '+time=1', 'localhost').then(
      () => true,
      () => false,
    );
  const machine: Omit<Machine, keyof AsyncDisposable> = {
    namespace,
    directory,
    resolvConf,
    dnsmasqAnchor,
    trustAnchor: root.trustAnchor,
    dig,
    startServer: (command, address) => start(command, () => answersAt(address)),
    async startDnsmasq(options, address) {
      const file = join(directory, 'dnsmasq.conf');
      await writeFile(file, options.map((option) => `${option}\n`).join(''));
      // Empty: the user and group that run the tests, and no file.
      const own = [
        '--keep-in-foreground',
        '--user=',
        '--group=',
        '--pid-file=',
        '--log-facility=-',
        `--conf-file=${file}`,
      ];
      return await start([await findProgram('dnsmasq'), ...own], ({ output }) =>
        address === undefined ? output.includes('DNS disabled') : answersAt(address),
      );
    },
    async leaks() {
      const listed = await namespace.run(await findProgram('nft'), 'list', 'counter', 'inet', 'leaks', 'left');
      return Number(/packets (\d+)/.exec(listed)?.[1]);
    },
    async startDns4tor(block) {
      const [command = []] = parseShell(block);
      const [, ...words] = command;
      await checkCommandLine(words);
      const [, ...flags] = words;
      const upstream = ['--upstream', `tcp://${createOnionKey().address}`, '--tor-socks', `unix:${socksPath}`];
      const port = flags.includes('--port') ? [] : ['--port', '53'];
      // In the user namespace of an ordinary user, dns4tor cannot tell who owns the socket that replaces Tor's.
      const args = [...flags, ...port, ...upstream, '--allow-plaintext-exit', '--circuits', '1'];
      const daemon = await startDaemon(args, { via: namespace.via });
      await daemon.answers();
      return daemon;
    },
    async connect(name, address, itsAddress) {
      const other = await startMachineIn(surroundings, namespace);
      const ip = await findProgram('ip');
      const cable = `link add eth0 type veth peer name ${name} netns ${namespace.pid}`;
      await other.namespace.run(ip, ...cable.split(' '));
      await other.namespace.run(ip, 'link', 'set', 'eth0', 'up');
      await namespace.run(ip, 'link', 'set', name, 'up');
      await namespace.run(ip, 'address', 'add', address, 'dev', name);
      if (itsAddress !== undefined) await other.namespace.run(ip, 'address', 'add', itsAddress, 'dev', 'eth0');
      return other;
    },
  };
  const running = resources.move();
  return { ...machine, [Symbol.asyncDispose]: () => running.disposeAsync() };
}
