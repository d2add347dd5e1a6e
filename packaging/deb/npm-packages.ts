import { access, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { filesOf, inCheckout, readJson } from './checkout.ts';

/** A package of which dns4tor consists at run time. */
export interface NpmPackage {
  /** Relative to the checkout, as in `node_modules/@scope/name`. */
  readonly path: string;
  readonly name: string;
  readonly version: string;
  /** SPDX. */
  readonly license: string;
  readonly author: string;
  /** Absent where the package comes without. */
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

/** What a program and its page consist of; left out are types, source maps, sources in C++, documentation. */
const CODE = new Set(['.js', '.cjs', '.mjs', '.css', '.json', '.node']);
/** Tests and examples; what is built for another libc than Debian's; modules for browsers. */
const NOT_RUN = /(?:^|\/)(?:tests?|examples?|docs?|benchmarks?|musl_[^/]*|vendor|\.[^/]*)(?:\/|$)|\.min\.js$/;

/** The packages whose code is in the status page. */
export async function readPagePackages(): Promise<readonly NpmPackage[]> {
  return readPackages(await readJson<readonly string[]>('dist/packages.json'));
}

/** @param paths as {@link NpmPackage.path} has them */
export async function readPackages(paths: readonly string[]): Promise<readonly NpmPackage[]> {
  return Promise.all(paths.map(read));
}

/** koffi with its builds for this system, by path: the packages that stay beside the bundled program. */
export async function readNpmPackages(): Promise<readonly NpmPackage[]> {
  const { packages } = await readJson<{ readonly packages: Readonly<Record<string, LockEntry>> }>('package-lock.json');
  const wanted = Object.entries(packages).filter(([, { dev, optional }]) => dev !== true && optional === true);
  const found = await Promise.all(wanted.map(async ([path]) => ((await isThere(path)) ? [await read(path)] : [])));
  return found.flat().toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** The package's files that are run, relative to it. */
export function codeOf({ path }: NpmPackage): readonly string[] {
  return filesOf(path, '**/*').filter((file) => CODE.has(extname(file)) && !NOT_RUN.test(file));
}

/** koffi is optional only where it cannot be had: the package is to have it. Its builds for other systems are not installed. */
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
