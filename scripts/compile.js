// Builds dist from src and page. Plain JavaScript with only built-in modules, like prepare.js, which calls it.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The program as one file. As 200 modules, it would need twice the CPU time to start and 10 MiB more. At the same depth
 * as its source, because it contains relative paths.
 */
const PROGRAM = { from: 'src/cli/main.ts', to: 'dist/cli/main.cjs' };

const PROGRAM_FLAGS = [
  '--bundle',
  '--log-level=warning',
  // An ES module that imports a module of Node reads all its exports, even those that load an HTTP client: 4 MiB.
  '--format=cjs',
  // `import()` of a package would load Node's ES module loader and ignore the package's `require` entry.
  '--supported:dynamic-import=false',
  '--platform=node',
  '--target=node24',
  // Node keeps the source text in memory. Identifiers stay readable.
  '--minify-whitespace',
  '--define:import.meta.url=moduleUrl',
  "--banner:js=const moduleUrl = require('node:url').pathToFileURL(__filename).href;",
];

/** npm installs these packages next to the program, where `npm audit` and `npm ls` see them. */
const EXTERNAL_PACKAGES = '--packages=external';
/** koffi has a native addon. `debug` works without supports-color. */
const EXTERNAL_TO_BUNDLE = ['--external:koffi', '--external:supports-color'];

/** The plot library and its style. Separate files, which browsers cache across releases. */
const PAGE_LIBRARY = { 'uplot.js': 'uplot/dist/uPlot.esm.js', 'uplot.css': 'uplot/dist/uPlot.min.css' };
const PAGE_FLAGS = ['--bundle', '--log-level=warning', '--format=esm', '--target=es2022', '--external:./uplot.js'];
/** Files of the page that need no build. */
const PAGE_FILES = /\.(?:css|html|svg)$/;

/** The list of npm packages whose code is in dist, and their licences. */
const PACKAGES = 'dist/packages.json';
const LICENSES = 'dist/LICENSES.txt';
const LICENSE_FILE = /^licen[cs]e(?:\.(?:md|txt))?$/i;
const PACKAGE_OF = /node_modules\/(?:@[^/]+\/)?[^/]+(?:\/node_modules\/(?:@[^/]+\/)?[^/]+)*/;

/**
 * Builds dist.
 *
 * @param root the checkout
 * @param esbuild runs esbuild with the arguments, in the checkout
 */
export function compile(root, esbuild) {
  const at = (...parts) => join(root, ...parts);
  rmSync(at('dist'), { recursive: true, force: true });
  mkdirSync(at('dist/page'), { recursive: true });
  const metafiles = ['dist/program.json', 'dist/page.json'];
  const [program, page] = metafiles;
  esbuild([PROGRAM.from, `--outfile=${PROGRAM.to}`, ...PROGRAM_FLAGS, EXTERNAL_PACKAGES, `--metafile=${program}`]);
  esbuild(['page/main.ts', '--outdir=dist/page', ...PAGE_FLAGS, `--metafile=${page}`]);
  cpSync(at('src/launch'), at('dist/launch'), { recursive: true });
  for (const file of readdirSync(at('page'))) {
    if (PAGE_FILES.test(file)) cpSync(at('page', file), at('dist/page', file));
  }
  for (const [file, path] of Object.entries(PAGE_LIBRARY)) {
    cpSync(at('node_modules', path), at('dist/page', file));
  }
  const copied = Object.values(PAGE_LIBRARY).map((path) => join('node_modules', path));
  const packages = packagesOf([...metafiles.flatMap((path) => inputsOf(at(path))), ...copied]);
  for (const path of metafiles) rmSync(at(path));
  writeFileSync(at(PACKAGES), `${JSON.stringify(packages, null, 2)}\n`);
  writeFileSync(at(LICENSES), packages.map((path) => licenseOf(at(path))).join('\n'));
}

/**
 * Builds the program with its packages, except koffi, for an installation without npm.
 *
 * @param esbuild runs esbuild with the arguments, in the checkout
 * @param folder an absolute path, for main.cjs
 * @returns the bundled packages, such as `node_modules/@scope/name`, sorted
 */
export function bundleProgram(esbuild, folder) {
  const metafile = join(folder, 'metafile.json');
  const output = [`--outfile=${join(folder, 'main.cjs')}`, `--metafile=${metafile}`];
  esbuild([PROGRAM.from, ...output, ...PROGRAM_FLAGS, ...EXTERNAL_TO_BUNDLE]);
  return packagesOf(inputsOf(metafile));
}

/** The input files of esbuild, relative to the checkout. */
function inputsOf(metafile) {
  return Object.keys(readJson(metafile).inputs);
}

function packagesOf(files) {
  const packages = [...new Set(files.flatMap((path) => PACKAGE_OF.exec(path) ?? []))];
  // oxlint-disable-next-line unicorn/no-array-sort -- Node 18, on which a first `npm start` may run, has no toSorted
  return packages.sort((a, b) => (a < b ? -1 : 1));
}

/** The licence text of a package. MIT, BSD and Apache licences all require that it accompanies the code. */
function licenseOf(folder) {
  const { name, version, license } = readJson(join(folder, 'package.json'));
  const file = readdirSync(folder).find((entry) => LICENSE_FILE.test(entry));
  if (file === undefined) throw new Error(`${name} has no licence text, so it must not be distributed`);
  return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
}

function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}
