import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type NetworkNamespace, startNetworkNamespace } from '../fixtures/namespace/network-namespace.ts';
import { findProgram } from '../fixtures/process/find-program.ts';
import { type RunningProcess, startProcess } from '../fixtures/process/process.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { createRootMaker } from './unpacked-root.ts';

const START_TIMEOUT_MS = 10_000;

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

/** Debian's systemd-resolved, as its unit would run it, in a namespace with its own /etc, /run and /var/lib. */
export interface RealResolved extends AsyncDisposable {
  readonly namespace: NetworkNamespace;
  /** The namespace's file system. */
  readonly root: string;
  /** The directory that is /etc there. */
  readonly etc: string;
  /** Resolves once it has written its list of servers. */
  restart(): Promise<void>;
}

/** Prepares systemd-resolved. It runs from the first `restart` on. */
export async function prepareResolved(): Promise<RealResolved> {
  await using resources = new AsyncDisposableStack();
  // Its package has the libraries that systemd-resolved needs.
  await findProgram('systemd-analyze');
  const maker = resources.use(await createRootMaker(['systemd-resolved']));
  const unpacked = await maker.create();
  await unpacked.unpack('systemd-resolved');
  const program = await findResolved(unpacked.path);
  const { path } = resources.use(await createTemporaryDirectory());
  const [etc, varLib] = [join(path, 'etc'), join(path, 'var-lib')];
  for (const folder of ['resolved.conf.d', 'system']) await mkdir(join(etc, 'systemd', folder), { recursive: true });
  await mkdir(varLib);
  await writeFile(join(etc, 'passwd'), PASSWD);
  await writeFile(join(etc, 'group'), GROUP);
  const namespace = resources.use(await startNetworkNamespace({ script: SET_UP, args: [etc, varLib] }));
  const root = `/proc/${namespace.pid}/root`;
  let running: RunningProcess | undefined;
  resources.defer(async () => running?.stop());
  const owned = resources.move();
  return {
    namespace,
    root,
    etc,
    async restart() {
      await running?.stop();
      const folder = join(root, '/run/systemd/resolve');
      await rm(join(folder, 'resolv.conf'), { force: true });
      const [nsenter, ...words] = [...namespace.via, program];
      running = await startProcess(nsenter, words);
      await running.waitUntil('systemd-resolved lists its servers', START_TIMEOUT_MS, async () =>
        (await readdir(folder)).includes('resolv.conf'),
      );
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Finds the program in an unpacked package, whose folders differ between releases of Debian. */
async function findResolved(root: string): Promise<string> {
  for (const folder of ['usr/lib/systemd', 'lib/systemd']) {
    const names: readonly string[] = await readdir(join(root, folder)).catch(() => []);
    if (names.includes('systemd-resolved')) return join(root, folder, 'systemd-resolved');
  }
  throw new Error('the package has no systemd-resolved');
}
