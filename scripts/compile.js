// What `npm run build` makes of src and page: dist. Plain JavaScript on built-in modules alone, like prepare.js, which calls it.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The program: one file. As 200 modules it takes twice the CPU time until it listens and 10 MiB more. At the depth of
 * its source, because paths in it are relative to that.
 */
const PROGRAM = { from: 'src/cli/main.ts', to: 'dist/cli/main.cjs' };

const PROGRAM_FLAGS = [
  '--bundle',
  '--log-level=warning',
  // An ES module that imports one of Node's own modules reads every export, even those that load an HTTP client: 4 MiB.
  '--format=cjs',
  // `import()` of a package would load Node's loader of ES modules and search no package's `require` entry.
  '--supported:dynamic-import=false',
  '--platform=node',
  '--target=node24',
  // Node keeps the text for as long as the program runs. Names stay as they are.
  '--minify-whitespace',
  '--define:import.meta.url=moduleUrl',
  "--banner:js=const moduleUrl = require('node:url').pathToFileURL(__filename).href;",
];

/** npm installs the packages beside the program, where `npm audit` and `npm ls` see them. */
const EXTERNAL_PACKAGES = '--packages=external';
/** koffi has a part in machine code. `debug` runs without supports-color. */
const EXTERNAL_TO_BUNDLE = ['--external:koffi', '--external:supports-color'];

/** What the page's scripts import as `./uplot.js`, and its style beside it: a file of its own, which a browser keeps longer. */
const PAGE_LIBRARY = { 'uplot.js': 'uplot/dist/uPlot.esm.js', 'uplot.css': 'uplot/dist/uPlot.min.css' };
const PAGE_FLAGS = ['--bundle', '--log-level=warning', '--format=esm', '--target=es2022', '--external:./uplot.js'];
/** What a browser takes as it is. */
const PAGE_FILES = /\.(?:css|html|svg)$/;

/** The npm packages whose code is in dist, and their licences. */
const PACKAGES = 'dist/packages.json';
const LICENSES = 'dist/LICENSES.txt';
const LICENSE_FILE = /^licen[cs]e(?:\.(?:md|txt))?$/i;
const PACKAGE_OF = /node_modules\/(?:@[^/]+\/)?[^/]+(?:\/node_modules\/(?:@[^/]+\/)?[^/]+)*/;

/**
 * Builds dist, as npm publishes it.
 *
 * @param root the checkout
 * @param esbuild runs it with the arguments, in the checkout
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
 * Builds the program with the packages in it, for an installation without npm. Only koffi stays beside it.
 *
 * @param esbuild runs it with the arguments, in the checkout
 * @param folder an absolute path; the program is put there as main.cjs
 * @returns the packages whose code is in it, as in `node_modules/@scope/name`, sorted
 */
export function bundleProgram(esbuild, folder) {
  const metafile = join(folder, 'metafile.json');
  const output = [`--outfile=${join(folder, 'main.cjs')}`, `--metafile=${metafile}`];
  esbuild([PROGRAM.from, ...output, ...PROGRAM_FLAGS, ...EXTERNAL_TO_BUNDLE]);
  return packagesOf(inputsOf(metafile));
}

/** The files that esbuild has read, relative to the checkout. */
function inputsOf(metafile) {
  return Object.keys(readJson(metafile).inputs);
}

function packagesOf(files) {
  return [...new Set(files.flatMap((path) => PACKAGE_OF.exec(path) ?? []))].toSorted((a, b) => (a < b ? -1 : 1));
}

/** MIT, BSD and Apache licences alike: who hands on the code hands on the text. */
function licenseOf(folder) {
  const { name, version, license } = readJson(join(folder, 'package.json'));
  const file = readdirSync(folder).find((entry) => LICENSE_FILE.test(entry));
  if (file === undefined) throw new Error(`${name} has no licence text, and cannot be handed on`);
  return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
}

function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}
