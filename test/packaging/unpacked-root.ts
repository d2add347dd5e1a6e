import { copyFile, mkdir, mkdtemp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { runProgram } from '../fixtures/process/run-program.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';

/** A chroot directory with a shell and the programs that network scripts call. */
export interface UnpackedRoot {
  readonly path: string;
  /** Unpacks a Debian package, or one of its folders, without running maintainer scripts. */
  unpack(name: string, folder?: string): Promise<void>;
  /** Runs a program there in its own network namespace. Ignores its exit status: there is no interface to set up. */
  run(environment: Readonly<Record<string, string>>, ...command: readonly string[]): Promise<void>;
}

/** Creates roots from one set of packages. */
export interface RootMaker extends AsyncDisposable {
  create(): Promise<UnpackedRoot>;
}

/** Copies the named programs and their libraries to the directory `$1`. */
const COPY_PROGRAMS = `set -e
root=$1; shift
PATH=/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p "$root/bin"
for name; do cp -L "$(type -P "$name")" "$root/bin/$name"; done
for name; do ldd "$(type -P "$name")"; done | grep -o '/[^ )]*' | sort -u | while read -r library; do
  mkdir -p "$root\${library%/*}"
  cp -L "$library" "$root$library"
done`;

/** All are part of essential Debian packages. */
const PROGRAMS =
  'sh bash cat chmod chown cp cut env expr flock grep hostname ln ls mkdir mv readlink rm run-parts sed sort tr true';

/** Downloads the packages without installing them. */
export async function createRootMaker(packages: readonly string[]): Promise<RootMaker> {
  await using resources = new AsyncDisposableStack();
  const { path } = resources.use(await createTemporaryDirectory());
  const [downloads, template] = [join(path, 'packages'), join(path, 'template')];
  for (const folder of [downloads, template]) await mkdir(folder);
  await download(downloads, packages);
  for (const folder of ['dev', 'etc', 'run', 'tmp', 'var/lib'])
    await mkdir(join(template, folder), { recursive: true });
  await runProgram('bash', ['-c', COPY_PROGRAMS, 'bash', template, ...PROGRAMS.split(' ')]);
  await copyFile('/dev/null', join(template, 'etc/fstab'));
  const files = await readdir(downloads);
  const owned = resources.move();
  return {
    async create() {
      const root = await mkdtemp(join(path, 'root-'));
      await runProgram('cp', ['--archive', `${template}/.`, root]);
      return {
        path: root,
        async unpack(name, folder = '') {
          const file = files.find((candidate) => candidate.startsWith(`${name}_`));
          if (file === undefined) throw new Error(`${name} was not downloaded`);
          const unpacked = await mkdtemp(join(path, 'unpacked-'));
          await runProgram('dpkg-deb', ['--extract', join(downloads, file), unpacked]);
          await mkdir(join(root, folder), { recursive: true });
          await runProgram('cp', ['--archive', `${join(unpacked, folder)}/.`, join(root, folder)]);
        },
        async run(environment, ...command) {
          const words = ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', ...Object.entries(environment).map((e) => e.join('='))];
          const asRoot = process.getuid?.() === 0 ? [] : ['--map-root-user'];
          const inside = ['chroot', root, 'env', '-i', ...words, ...command];
          // The scripts exit with an error because the interface is missing.
          await runProgram('unshare', ['--net', ...asRoot, 'sh', '-c', '"$@" || true', 'sh', ...inside]);
        },
      };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Uses its own package lists if the machine's are missing or outdated. */
async function download(folder: string, packages: readonly string[]): Promise<void> {
  const fetch = (...options: readonly string[]): Promise<string> =>
    runProgram('apt-get', [...options, '-q', 'download', ...packages], { cwd: folder });
  try {
    await fetch();
  } catch {
    const lists = join(folder, '..', 'lists');
    await mkdir(join(lists, 'partial'), { recursive: true });
    const options = ['-o', `Dir::State::Lists=${lists}`, '-o', 'APT::Sandbox::User=root'];
    await runProgram('apt-get', [...options, '-q', 'update']);
    await fetch(...options);
  }
}
