import { access, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { filesOf, inCheckout, readJson } from './checkout.ts';

/** An npm package that is part of dns4tor at run time. */
export interface NpmPackage {
  /** Path in the checkout, such as `node_modules/@scope/name`. */
  readonly path: string;
  readonly name: string;
  readonly version: string;
  /** SPDX identifier. */
  readonly license: string;
  readonly author: string;
  /** Absent if the package has no licence file. */
  readonly licenseText?: string;
}

interface LockEntry {
  readonly dev?: boolean;
  readonly optional?: boolean;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly author?: string | { readonly name: string };
}

/** Extensions of code. Types, source maps, C++ sources and documentation are left out. */
const CODE = new Set(['.js', '.cjs', '.mjs', '.css', '.json', '.node']);
/** Files that are never run: tests, examples, builds for another libc, and modules for browsers. */
const NOT_RUN = /(?:^|\/)(?:tests?|examples?|docs?|benchmarks?|musl_[^/]*|vendor|\.[^/]*)(?:\/|$)|\.min\.js$/;

/** Reads the packages whose code is in the status page. */
export async function readPagePackages(): Promise<readonly NpmPackage[]> {
  return readPackages(await readJson<readonly string[]>('dist/packages.json'));
}

/** @param paths see {@link NpmPackage.path} */
export async function readPackages(paths: readonly string[]): Promise<readonly NpmPackage[]> {
  return Promise.all(paths.map(read));
}

/** Reads the packages that are installed beside the bundled program: koffi and its builds for this system. */
export async function readNpmPackages(): Promise<readonly NpmPackage[]> {
  const { packages } = await readJson<{ readonly packages: Readonly<Record<string, LockEntry>> }>('package-lock.json');
  const wanted = Object.entries(packages).filter(([, { dev, optional }]) => dev !== true && optional === true);
  const found = await Promise.all(wanted.map(async ([path]) => ((await isThere(path)) ? [await read(path)] : [])));
  return found.flat().toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** Lists the package's code files, relative to the package. */
export function codeOf({ path }: NpmPackage): readonly string[] {
  return filesOf(path, '**/*').filter((file) => CODE.has(extname(file)) && !NOT_RUN.test(file));
}

/** Whether a package is to be included. koffi must be present; its builds for other systems are not installed. */
async function isThere(path: string): Promise<boolean> {
  if (path === 'node_modules/koffi') return true;
  return access(inCheckout(path)).then(
    () => true,
    () => false,
  );
}

async function read(path: string): Promise<NpmPackage> {
  const { name, version, license, author = `the authors of ${path}` } = await readJson<Manifest>(path, 'package.json');
  const [file] = filesOf(path, '{LICENSE,license}{,.txt,.md}');
  const text = file === undefined ? {} : { licenseText: await readFile(inCheckout(join(path, file)), 'utf8') };
  return { path, name, version, license, author: typeof author === 'string' ? author : author.name, ...text };
}
