// Finds the programs that a script or test runs, by following its imports. Plain JavaScript with only built-in modules,
// like prepare.js.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Specifiers of `import … from '…'`, `export … from '…'`, `import '…'` and `import('…')` that name a file. */
const IMPORTS = /\b(?:from|import)\s*\(?\s*'(?<path>\.[^']+)'/g;

/** A script that runs in its own process: `new URL('echo.ts', import.meta.url)`. */
const SCRIPTS = /\bnew URL\(\s*'(?<path>[^']+\.(?:js|ts))'/g;

/**
 * A script whose name is a variable: `` new URL(`namespaced/${script}.ts`, import.meta.url) ``. Stands for its folder.
 */
const SCRIPT_FOLDERS = /\bnew URL\(\s*`(?<folder>[^`$]+\/)\$\{/g;

/** The functions of tests, benchmarks and packaging that run a program by its name. */
const CALLS = /\b(?:findProgram|runProgram|runOutside|runTool|startPeer)\(\s*'(?<program>[^']+)'/g;

/**
 * Derives which programs files need. findProgram() refuses a program that was not derived for the running test, so a
 * test that runs a program in a way that this class does not see fails on every machine, not only where the program is
 * missing.
 */
export class ProgramFinder {
  #known;
  #modules = new Map();

  /** @param known names of all programs that files may run */
  constructor(known) {
    this.#known = new Set(known);
  }

  /** @param file an absolute path */
  programsOf(file) {
    const programs = new Set();
    const reached = new Set([file]);
    for (const path of reached) {
      const module = this.#read(path);
      for (const program of module.programs) programs.add(program);
      for (const dependency of module.dependencies) reached.add(dependency);
    }
    return programs;
  }

  #read(path) {
    const cached = this.#modules.get(path);
    if (cached !== undefined) return cached;
    const code = readFileSync(path, 'utf8');
    const at = (relative) => join(dirname(path), relative);
    const module = {
      dependencies: [
        ...[...groupsOf(code, IMPORTS, 'path'), ...groupsOf(code, SCRIPTS, 'path')].map(at).filter(isSource),
        ...groupsOf(code, SCRIPT_FOLDERS, 'folder').flatMap((folder) => sourcesIn(at(folder))),
      ],
      programs: groupsOf(code, CALLS, 'program').filter((name) => this.#known.has(name)),
    };
    this.#modules.set(path, module);
    return module;
  }
}

function groupsOf(code, pattern, group) {
  return [...code.matchAll(pattern)].map(({ groups }) => groups[group]);
}

function sourcesIn(folder) {
  return (existsSync(folder) ? readdirSync(folder) : []).map((name) => join(folder, name)).filter(isSource);
}

function isSource(path) {
  return /\.(?:js|ts)$/.test(path) && existsSync(path);
}
