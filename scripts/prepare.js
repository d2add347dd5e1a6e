// What `npm start`, `npm run demo` and `npm test` need before they can run. Plain JavaScript on built-in modules alone: it
// runs on whatever Node the machine has, before anything is installed. Everything here is quick when there is nothing to do.
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

/** The Node of the development dependencies, which is new enough whatever the machine's own is. */
export const NODE = join(PROGRAMS, 'node');

/** Touched by each build. In node_modules, so that new packages mean a new build. */
const BUILD_STAMP = join(ROOT, 'node_modules/.cache/dns4tor/built');

/** Debian installs servers here, and the PATH of an ordinary user leaves these folders out. */
const SERVER_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** How long apt-get waits for another one to finish. */
const LOCK_SECONDS = 300;

const APT_ENVIRONMENT = {
  ...process.env,
  LC_ALL: 'C.UTF-8',
  DEBIAN_FRONTEND: 'noninteractive',
  // Only the programs are needed. Debian would also start tor, unbound and nsd as services, which occupy ports. The first
  // variable prevents that on machines with systemd, the second on those without.
  SYSTEMD_OFFLINE: '1',
  RUNLEVEL: '1',
};

/** A reason to stop that is meant for the person at the keyboard. */
class PrepareError extends Error {}

/** Runs a script's main function, and turns its failures into one sentence and exit code 1. */
export async function runScript(main) {
  try {
    process.exitCode = await main();
  } catch (error) {
    if (!(error instanceof PrepareError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}

/** Installs the npm packages of package-lock.json unless exactly those are there. */
export function installPackages() {
  const wanted = readJson(join(ROOT, 'package-lock.json')).packages;
  const installed = readJson(join(ROOT, 'node_modules/.package-lock.json'))?.packages;
  if (!isInstalled(wanted, installed)) {
    progress('Installing the npm packages');
    // Not `npm ci`: it refuses a lock file that lacks the packages for other systems, as one does that was written where
    // the registry does not carry them. With --no-save the lock file decides all the same, and stays as it is.
    run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], 'npm install');
  }
  if (!isProgram(NODE)) {
    throw new PrepareError(
      'The npm package `node` has not brought its program: its install script was not run. ' +
        'Run `npm rebuild --ignore-scripts=false node`, then this again.',
    );
  }
}

/**
 * Whether npm has installed what the lock file asks for: each package at its hash, and no others. Optional ones, which are for
 * some system, may be missing from either.
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
 * Installs the Debian packages of the programs that this machine lacks. Says first which, and how large they are.
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
  // Old lists name package versions that the mirror no longer has.
  if (aptGet(['-y', ...install]) !== 0) {
    updatePackageLists();
    if (aptGet(['-y', ...install]) !== 0) throw new PrepareError(`\`apt-get install ${list}\` failed; see above.`);
  }
  const stillMissing = missing();
  if (stillMissing.length > 0) {
    throw new PrepareError(`These packages are installed but lack a program: ${stillMissing.join(' ')}`);
  }
}

/** Installs the programs that the files and everything that they import run. */
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

/** What apt-get would download and unpack, in its own words; undefined where its package lists are missing. */
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

/** Builds dist, whatever is there already. */
export function rebuild() {
  compile(ROOT, (args) => run(join(PROGRAMS, 'esbuild'), args, 'the build'));
}

/** {@link rebuild}, unless dist is newer than all that it is made of. */
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

/** Milliseconds since 1970; 0 for what does not exist. */
function modifiedAt(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Runs our own Node with the arguments, as {@link runInForeground} does. */
export function runNode(args) {
  return runInForeground(NODE, args);
}

/** Runs the command `dns4tor` with our own Node, as {@link runInForeground} does. */
export function runDns4tor(args) {
  return runInForeground('/bin/sh', ['dist/launch/launch.sh', NODE, 'dist/launch/dns4tor.js', ...args]);
}

/**
 * Runs a program in the checkout, in the foreground: it has this terminal and gets the signals of this process.
 *
 * @returns its exit code, by the shells' convention where a signal ended it
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

/** The environment with our own Node first in PATH, for programs that start others. */
function withPrograms() {
  return { ...process.env, PATH: [PROGRAMS, process.env.PATH].join(delimiter) };
}

/** The environment without the folder that `npm ci` is about to delete, which `npm run` puts into PATH. */
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

/** Undefined for a file that does not exist. */
function readJson(path) {
  return modifiedAt(path) === 0 ? undefined : JSON.parse(readFileSync(path, 'utf8'));
}

export function progress(text) {
  process.stderr.write(`${text} …\n`);
}
