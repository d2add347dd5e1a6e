import assert from 'node:assert/strict';
import { mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { findSystemResolver } from '../../src/system/find-system-resolver.ts';
import { install } from '../../src/system/install.ts';
import type { Machine } from '../../src/system/machine.ts';
import { readNameservers } from '../../src/system/managers/resolv-conf.ts';
import { pause } from '../../src/system/pause.ts';
import { uninstall } from '../../src/system/uninstall.ts';
import { type NetworkNamespace, startNetworkNamespace } from '../fixtures/namespace/network-namespace.ts';
import { findProgram } from '../fixtures/process/find-program.ts';
import { type RunningProcess, startProcess } from '../fixtures/process/process.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { waitUntil } from '../fixtures/wait-until.ts';
import { createRigIn, TARGET } from '../system/rig.ts';
import { createRootMaker } from './unpacked-root.ts';

/*
 * The real systemd-resolved in a namespace with its own /etc, /run and /var/lib, without a bus.
 */

const PATIENCE_MS = 10_000;
const DROP_INS = '/etc/systemd/resolved.conf.d';
const SERVERS = '/run/systemd/resolve/resolv.conf';
/** The network's own resolver. */
const OF_THE_NETWORK = '[Resolve]\nDNS=192.0.2.53\n';

/** `$3` and `$4` become /etc and /var/lib. */
const SET_UP = `
"$1" link set lo up
mount --bind "$3" /etc
mount --bind "$4" /var/lib
mount -t tmpfs none /run
mkdir -p /run/systemd/resolve /run/systemd/system
`;

/** Root plays the part of the user systemd-resolve: an unprivileged user namespace has no other. */
const PASSWD = 'root:x:0:0::/:/bin/sh\nsystemd-resolve:x:0:0::/:/bin/false\n';
const GROUP = 'root:x:0:\nsystemd-resolve:x:0:\n';

/** systemd-resolved as its unit would run it. */
class Resolved implements AsyncDisposable {
  readonly #program: string;
  readonly #namespace: NetworkNamespace;
  readonly #root: string;
  #process: RunningProcess | undefined;

  constructor(program: string, namespace: NetworkNamespace, root: string) {
    this.#program = program;
    this.#namespace = namespace;
    this.#root = root;
  }

  /** Resolves once it has written its list of servers. */
  async restart(): Promise<void> {
    await this.#process?.stop();
    const folder = join(this.#root, '/run/systemd/resolve');
    await rm(join(folder, 'resolv.conf'), { force: true });
    const [nsenter, ...words] = [...this.#namespace.via, this.#program];
    this.#process = await startProcess(nsenter, words);
    await this.#process.waitUntil('systemd-resolved lists its servers', PATIENCE_MS, async () =>
      (await readdir(folder)).includes('resolv.conf'),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process?.stop();
  }
}

/** Finds the program in an unpacked package, whose folders differ between releases of Debian. */
async function findResolved(root: string): Promise<string> {
  for (const folder of ['usr/lib/systemd', 'lib/systemd']) {
    const names: readonly string[] = await readdir(join(root, folder)).catch(() => []);
    if (names.includes('systemd-resolved')) return join(root, folder, 'systemd-resolved');
  }
  throw new Error('the package has no systemd-resolved');
}

test('the list and drop-in of a real systemd-resolved show where names go: after install, a change, a pause and uninstall', async () => {
  // Its package has the libraries that systemd-resolved needs.
  await findProgram('systemd-analyze');
  await using maker = await createRootMaker(['systemd-resolved']);
  const unpacked = await maker.create();
  await unpacked.unpack('systemd-resolved');
  await using directory = await createTemporaryDirectory();
  const [etc, varLib] = [join(directory.path, 'etc'), join(directory.path, 'var-lib')];
  for (const folder of ['resolved.conf.d', 'system']) await mkdir(join(etc, 'systemd', folder), { recursive: true });
  await mkdir(varLib);
  await writeFile(join(etc, 'passwd'), PASSWD);
  await writeFile(join(etc, 'group'), GROUP);
  await writeFile(join(etc, 'systemd/resolved.conf.d/network.conf'), OF_THE_NETWORK);
  await symlink('../run/systemd/resolve/stub-resolv.conf', join(etc, 'resolv.conf'));
  await using namespace = await startNetworkNamespace({ script: SET_UP, args: [etc, varLib] });

  const root = `/proc/${namespace.pid}/root`;
  await using resolved = new Resolved(await findResolved(unpacked.path), namespace, root);
  await resolved.restart();
  const rig = await createRigIn(root, async () => {});
  rig.answers.set('systemctl is-active --quiet systemd-resolved.service', { status: 0 });
  const machine: Machine = {
    ...rig.machine,
    run: async (command) => {
      if (command.join(' ') === 'systemctl restart systemd-resolved.service') await resolved.restart();
      return rig.machine.run(command);
    },
  };
  const becomes = (state: string): Promise<void> =>
    waitUntil(
      `the state is ${state}`,
      PATIENCE_MS,
      async () => (await findSystemResolver(machine.fs, ({ address }) => address === TARGET.address))?.state === state,
    );
  const servers = (): Promise<readonly string[]> => readNameservers(machine.fs, SERVERS);

  await becomes('not_installed');
  assert.deepEqual(await servers(), ['192.0.2.53']);
  await install(machine, TARGET);
  await becomes('leads_here');
  assert.deepEqual(await servers(), ['127.0.0.1']);

  // A later file clears the servers of earlier ones.
  await rig.write(`${DROP_INS}/zzz.conf`, '[Resolve]\nDNS=\nDNS=192.0.2.54\n');
  await resolved.restart();
  await becomes('elsewhere');
  await rm(join(root, DROP_INS, 'zzz.conf'));
  await resolved.restart();
  await becomes('leads_here');

  await rig.write(`${DROP_INS}/zz-dns4tor.conf`, '# of another\n');
  await becomes('elsewhere');
  await resolved.restart();
  assert.deepEqual(await servers(), ['192.0.2.53']);
  await becomes('elsewhere');
  await install(machine, TARGET);
  await becomes('leads_here');
  assert.deepEqual(await servers(), ['127.0.0.1']);

  await pause(machine, 60_000);
  await becomes('paused');
  assert.deepEqual(await servers(), ['192.0.2.53']);
  await install(machine, TARGET);
  await becomes('leads_here');
  await uninstall(machine, { force: false });
  await becomes('not_installed');
});
