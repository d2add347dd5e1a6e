// What `npm run build` makes of src and page: dist. Plain JavaScript on built-in modules alone, like prepare.js, which calls it.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The program. One file, for Node takes longer to find and read two hundred modules than for all else that it does until queries are answered. */
const PROGRAM = {
  from: 'src/cli/main.ts',
  /** As deep as its source, since paths in it are relative to that. */
  to: 'dist/cli/main.cjs',
};

/** No ES module: whoever imports one of Node's own modules gets all that it could offer, an HTTP client and WebSockets among it: 4 MB. */
const PROGRAM_FLAGS = [
  '--format=cjs',
  '--platform=node',
  '--target=node24',
  // Node keeps the text for as long as the program runs. Names stay as they are.
  '--minify-whitespace',
  // Has a part in machine code for each system.
  '--external:koffi',
  '--define:import.meta.url=moduleUrl',
  "--banner:js=const moduleUrl = require('node:url').pathToFileURL(__filename).href;",
];

/** What the page's scripts import as `./uplot.js`, and its style beside it: a file of its own, which a browser keeps longer. */
const PAGE_LIBRARY = { 'uplot.js': 'uplot/dist/uPlot.esm.js', 'uplot.css': 'uplot/dist/uPlot.min.css' };
const PAGE_FLAGS = ['--format=esm', '--target=es2022', '--external:./uplot.js'];
/** What a browser takes as it is. */
const PAGE_FILES = /\.(?:css|html|svg)$/;

/** The npm packages whose code is in dist, and under which terms. */
const PACKAGES = 'dist/packages.json';
const LICENSES = 'dist/LICENSES.txt';
const LICENSE_FILE = /^licen[cs]e(?:\.(?:md|txt))?$/i;
const PACKAGE_OF = /node_modules\/(?:@[^/]+\/)?[^/]+(?:\/node_modules\/(?:@[^/]+\/)?[^/]+)*/;

/**
 * @param root the checkout
 * @param esbuild runs it with the arguments, in the checkout
 */
export function compile(root, esbuild) {
  const at = (...parts) => join(root, ...parts);
  rmSync(at('dist'), { recursive: true, force: true });
  mkdirSync(at('dist/page'), { recursive: true });
  const metafile = 'dist/metafile.json';
  const common = ['--bundle', '--log-level=warning'];
  esbuild([PROGRAM.from, `--outfile=${PROGRAM.to}`, ...common, ...PROGRAM_FLAGS, `--metafile=${metafile}`]);
  esbuild(['page/main.ts', '--outdir=dist/page', ...common, ...PAGE_FLAGS]);
  for (const file of readdirSync(at('page'))) {
    if (PAGE_FILES.test(file)) cpSync(at('page', file), at('dist/page', file));
  }
  for (const [file, path] of Object.entries(PAGE_LIBRARY)) {
    cpSync(at('node_modules', path), at('dist/page', file));
  }
  const bundled = [...Object.keys(readJson(at(metafile)).inputs), 'node_modules/uplot'].flatMap(
    (path) => PACKAGE_OF.exec(path) ?? [],
  );
  const packages = [...new Set(bundled)].toSorted();
  rmSync(at(metafile));
  writeFileSync(at(PACKAGES), `${JSON.stringify(packages, null, 2)}\n`);
  writeFileSync(at(LICENSES), packages.map((path) => licenseOf(at(path))).join('\n'));
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
