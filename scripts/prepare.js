// Installs and builds what npm scripts need. Plain JavaScript with only built-in modules, because it runs on the
// machine's own Node before anything is installed. All functions return quickly when there is nothing to do.
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile } from './compile.js';
import { ProgramFinder } from './programs.js';

/** The checkout. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url));

const PROGRAMS = join(ROOT, 'node_modules/.bin');

/** The Node of the development dependencies. The machine's own may be too old. */
export const NODE = join(PROGRAMS, 'node');

/** Touched by each build. In node_modules, so that new packages cause a new build. */
const BUILD_STAMP = join(ROOT, 'node_modules/.cache/dns4tor/built');

/** Debian installs servers here, and the PATH of an ordinary user lacks these folders. */
const SERVER_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** How long apt-get waits for another one to finish. */
const LOCK_SECONDS = 300;

const APT_ENVIRONMENT = {
  ...process.env,
  LC_ALL: 'C.UTF-8',
  DEBIAN_FRONTEND: 'noninteractive',
  // Only the programs are needed. Debian would also start tor, unbound and nsd as services, which occupy ports. The
  // first variable prevents that on machines with systemd, the second on those without.
  SYSTEMD_OFFLINE: '1',
  RUNLEVEL: '1',
};

/** A failure whose message is for the user, without a stack trace. */
export class PrepareError extends Error {}

/** Runs the main function of a script. Prints the message of a PrepareError and sets exit code 1. */
export async function runScript(main) {
  try {
    process.exitCode = await main();
  } catch (error) {
    if (!(error instanceof PrepareError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}

/** Installs the npm packages of package-lock.json, unless exactly those are installed. */
export function installPackages() {
  const wanted = readJson(join(ROOT, 'package-lock.json')).packages;
  const installed = readJson(join(ROOT, 'node_modules/.package-lock.json'))?.packages;
  if (!isInstalled(wanted, installed)) {
    progress('Installing the npm packages');
    // Not `npm ci`, which rejects a lock file without the optional packages for other systems; some registries lack
    // them. With
    // --no-save, the lock file still decides, and stays unchanged.
    run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], 'npm install');
  }
  if (!isProgram(NODE)) {
    throw new PrepareError(
      'The npm package `node` has not brought its program: its install script was not run. ' +
        'Run `npm rebuild --ignore-scripts=false node`, then try again.',
    );
  }
}

/**
 * Whether npm has installed exactly the packages of the lock file, by their hashes. Optional packages, which are for
 * certain systems, may be missing on either side.
 */
export function isInstalled(wanted, installed) {
  if (installed === undefined) return false;
  const packages = Object.entries(wanted).filter(([path]) => path !== '');
  const complete = packages.every(([path, { integrity, optional }]) =>
    installed[path] === undefined ? optional === true : installed[path].integrity === integrity,
  );
  return (
    complete &&
    Object.entries(installed).every(([path, { optional }]) => wanted[path] !== undefined || optional === true)
  );
}

/**
 * Installs the Debian packages of the programs that this machine lacks. First prints their names and size.
 *
 * @param packagesByProgram the Debian package that contains each program
 */
export function installPrograms(programs, packagesByProgram = debianPackages()) {
  const missing = () => missingPackages([...programs], packagesByProgram);
  const packages = missing();
  if (packages.length === 0) return;
  const list = packages.join(' ');
  if (process.getuid?.() !== 0 || !isProgramInPath('apt-get')) {
    throw new PrepareError(
      'Some programs are missing. On Debian and its derivatives, run this command:\n\n' +
        `    sudo apt-get install --no-install-recommends ${list}\n\n` +
        'On other systems, install the packages that have the same programs. Then try again.',
    );
  }
  const install = ['install', '--no-install-recommends', ...packages];
  let size = installedSize(install);
  if (size === undefined) {
    updatePackageLists();
    size = installedSize(install);
  }
  progress(`Installing Debian packages (${size ?? 'of unknown size'}): ${list}`);
  // Outdated package lists name versions that the mirror no longer has.
  if (aptGet(['-y', ...install]) !== 0) {
    updatePackageLists();
    if (aptGet(['-y', ...install]) !== 0) throw new PrepareError(`\`apt-get install ${list}\` failed; see above.`);
  }
  const stillMissing = missing();
  if (stillMissing.length > 0) {
    throw new PrepareError(`These packages are installed but lack a program: ${stillMissing.join(' ')}`);
  }
}

/** Installs the programs that the files run, directly or in modules that they import. */
export function installProgramsOf(...files) {
  const finder = new ProgramFinder(Object.keys(debianPackages()));
  installPrograms(files.flatMap((file) => [...finder.programsOf(join(ROOT, file))]));
}

/** The Debian package that contains each program. */
export function debianPackages() {
  return readJson(join(ROOT, 'test/fixtures/debian-packages.json')) ?? {};
}

function missingPackages(programs, packagesByProgram) {
  const missing = programs.filter((program) => !isProgramInPath(program));
  return [...new Set(missing.map((program) => packagesByProgram[program]))];
}

/** The download and disk size of an installation, from apt-get's messages; undefined without package lists. */
function installedSize(install) {
  const { stdout } = spawnSync('apt-get', ['--assume-no', ...install], { env: APT_ENVIRONMENT, encoding: 'utf8' });
  const download = /^Need to get (?<size>.*) of archives/m.exec(stdout ?? '')?.groups.size;
  const disk = /^After this operation, (?<size>.*) of additional disk space/m.exec(stdout ?? '')?.groups.size;
  return download === undefined || disk === undefined ? undefined : `${download} to download, ${disk} on disk`;
}

function updatePackageLists() {
  progress('Fetching the package lists');
  if (aptGet(['update']) !== 0) throw new PrepareError('`apt-get update` failed; see above.');
}

function aptGet(args) {
  // Another apt-get holds the lock while a fresh machine upgrades itself.
  const options = ['-q', '-o', `DPkg::Lock::Timeout=${LOCK_SECONDS}`];
  const stdio = ['ignore', 'inherit', 'inherit'];
  return spawnSync('apt-get', [...options, ...args], { env: APT_ENVIRONMENT, stdio }).status;
}

/** Builds dist. */
export function rebuild() {
  compile(ROOT, (args) => run(join(PROGRAMS, 'esbuild'), args, 'the build'));
}

/** {@link rebuild}, unless dist is newer than all its sources. */
export function build() {
  const sources = [
    'package.json',
    'package-lock.json',
    'scripts/compile.js',
    ...filesUnder('src'),
    ...filesUnder('page'),
  ];
  const newest = Math.max(...sources.map((path) => modifiedAt(join(ROOT, path))));
  if (modifiedAt(join(ROOT, 'dist/cli/main.cjs')) > 0 && modifiedAt(BUILD_STAMP) > newest) return;
  progress('Building');
  rebuild();
  mkdirSync(join(BUILD_STAMP, '..'), { recursive: true });
  writeFileSync(BUILD_STAMP, '');
}

function filesUnder(folder) {
  return readdirSync(join(ROOT, folder), { recursive: true }).map((name) => join(folder, name));
}

/** Milliseconds since 1970; 0 for a missing file. */
function modifiedAt(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Runs the development Node with the arguments, as {@link runInForeground} does. */
export function runNode(args) {
  return runInForeground(NODE, args);
}

/** Runs the command `dns4tor` with the development Node, as {@link runInForeground} does. */
export function runDns4tor(args) {
  return runInForeground('/bin/sh', ['dist/launch/launch.sh', NODE, 'dist/launch/dns4tor.js', ...args]);
}

/**
 * Runs a program in the checkout, on this terminal, and forwards signals to it.
 *
 * @returns its exit code; 128 plus the signal number if a signal ended it
 */
function runInForeground(program, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: ROOT, stdio: 'inherit', env: withPrograms() });
    const forward = (signal) => child.kill(signal);
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, forward);
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      for (const name of signals) process.off(name, forward);
      resolve(code ?? 128 + osConstants.signals[signal]);
    });
  });
}

/** The environment with the development Node first in PATH, for programs that start others. */
function withPrograms() {
  return { ...process.env, PATH: [PROGRAMS, process.env.PATH].join(delimiter) };
}

/** The environment without node_modules/.bin in PATH, whose programs npm may replace while it runs. */
function withoutPrograms() {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => join(folder) !== PROGRAMS);
  return { ...process.env, PATH: folders.join(delimiter) };
}

function run(command, args, name) {
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit', env: withoutPrograms() });
  if (error !== undefined) throw new PrepareError(`${name} could not be started: ${error.message}`);
  if (status !== 0) throw new PrepareError(`${name} failed; see above.`);
}

function isProgramInPath(program) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...SERVER_FOLDERS];
  return folders.some((folder) => isProgram(join(folder, program)));
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Undefined for a missing file. */
function readJson(path) {
  return modifiedAt(path) === 0 ? undefined : JSON.parse(readFileSync(path, 'utf8'));
}

export function progress(text) {
  process.stderr.write(`${text} …\n`);
}
