import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { findProgram, type ProgramName } from '../fixtures/process/find-program.ts';
import { startProcess } from '../fixtures/process/process.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';

export interface Outcome {
  readonly status: number | NodeJS.Signals;
  /** The last 64 KiB of stdout and stderr. */
  readonly output: string;
}

/** A Debian in a directory, without running services. */
export interface Chroot {
  readonly root: string;
  /** A wrapper that runs a program in the chroot. */
  readonly via: readonly [path: string, ...args: readonly string[]];
  readonly env: NodeJS.ProcessEnv;
  run(program: string, ...args: readonly string[]): Promise<Outcome>;
  /** All paths in the chroot, sorted. */
  entries(): Promise<readonly string[]>;
  /** A copy that lives as long as the original. */
  copy(): Promise<Chroot>;
}

/** Creates a minimal Debian of this machine's release from its mirror. Needs root and half a minute. */
export async function createChroot(): Promise<Chroot & AsyncDisposable> {
  await using resources = new AsyncDisposableStack();
  const directory = resources.use(await createTemporaryDirectory());
  const root = join(directory.path, 'debian');
  const { codename, mirror } = await findMirror();
  const bootstrap = [await findProgram('debootstrap'), '--variant=minbase', codename, root, mirror];
  // In a mount namespace, so that its mounts end with it and deleting the directory deletes nothing in /proc.
  await runOutside('unshare', ['--mount', '--', ...bootstrap]);
  const debian = chrootAt(root, directory.path, await findProgram('chroot'));
  const update = await debian.run('apt-get', '-q', 'update');
  if (update.status !== 0) throw new Error(`apt-get update in the chroot: ${update.output}`);
  const owned = resources.move();
  return { ...debian, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function chrootAt(root: string, folder: string, chroot: string): Chroot {
  const { http_proxy = '', https_proxy = '' } = process.env;
  const env = {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    DEBIAN_FRONTEND: 'noninteractive',
    LC_ALL: 'C.UTF-8',
    http_proxy,
    https_proxy,
  };
  return {
    root,
    via: [chroot, root],
    env,
    run: (...command) => runToEnd(chroot, [root, ...command], env),
    entries: async () => (await readdir(root, { recursive: true })).toSorted(),
    async copy() {
      const target = await mkdtemp(join(folder, 'copy-'));
      await runOutside('cp', ['--archive', '--reflink=auto', `${root}/.`, target]);
      return chrootAt(target, folder, chroot);
    },
  };
}

async function runOutside(name: ProgramName, args: readonly string[]): Promise<string> {
  const { status, output } = await runToEnd(await findProgram(name), args, process.env);
  if (status !== 0) throw new Error(`${name} ended with ${status}: ${output}`);
  return output;
}

async function runToEnd(path: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Outcome> {
  await using child = await startProcess(path, args, { env });
  return { status: await child.ended, output: child.output };
}

/** This machine's Debian release and mirror, from the URIs that apt would fetch. Works before the first update. */
export async function findMirror(): Promise<{ readonly codename: string; readonly mirror: string }> {
  const release = await readFile('/etc/os-release', 'utf8');
  const codename = /^VERSION_CODENAME=(?<name>.*)$/m.exec(release)?.groups?.['name'] ?? '';
  const uris = await runOutside('apt-get', ['--print-uris', 'update']);
  const mirror = new RegExp(`^'(?<uri>.*)/dists/${codename}/InRelease'`, 'm').exec(uris)?.groups?.['uri'];
  if (codename === '' || mirror === undefined) throw new Error(`apt has no source of this machine's release: ${uris}`);
  return { codename, mirror };
}
