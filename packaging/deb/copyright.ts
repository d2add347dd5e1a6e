import { readFile } from 'node:fs/promises';
import { inCheckout } from './checkout.ts';
import { NODE_LICENSE } from './node-runtime.ts';
import type { NpmPackage } from './npm-packages.ts';

const HEADER = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: dns4tor
Comment: The package contains Node with its libraries, and npm packages. npm
 packages that are not in node_modules are bundled into the files in dist.
`;

/** Debian Policy §12.5: packages refer to this text, which is on every machine. */
const APACHE_2 = `Licensed under the Apache License, Version 2.0.

On Debian systems its text is in /usr/share/common-licenses/Apache-2.0.
`;

/** Licence names in DEP-5 that differ from SPDX. */
const DEP5_NAMES: Readonly<Record<string, string>> = { MIT: 'Expat', 'BSD-3-Clause': 'BSD-3-clause' };

/** Generates debian/copyright (DEP-5) for dns4tor, each npm package and Node. */
export async function renderCopyright(packages: readonly NpmPackage[]): Promise<string> {
  const own = await readFile(inCheckout('LICENSE'), 'utf8');
  return [
    HEADER,
    stanza('*', copyrightsOf(own), 'Expat', own),
    ...packages.map((npmPackage) => renderPackage(npmPackage, packages)),
    stanza(
      'node',
      ['Node.js contributors, Joyent, Inc., and those named below'],
      'Node',
      await readFile(NODE_LICENSE, 'utf8'),
    ),
  ].join('\n');
}

function renderPackage(npmPackage: NpmPackage, all: readonly NpmPackage[]): string {
  const { path, name, license, author } = npmPackage;
  // koffi's builds for one system have no licence file, but koffi itself does.
  const text = npmPackage.licenseText ?? all.find((other) => name.startsWith(`@koromix/${other.name}-`))?.licenseText;
  if (text === undefined) throw new Error(`${path} has no licence text`);
  const holders = copyrightsOf(text);
  const body = license === 'Apache-2.0' ? APACHE_2 : text;
  return stanza(`${path}/*`, holders.length === 0 ? [author] : holders, DEP5_NAMES[license] ?? license, body);
}

/** Finds the holders in lines such as "Copyright (c) 2016 Name". */
function copyrightsOf(text: string): string[] {
  return [...text.matchAll(/^ *Copyright (?:\(c\)|©) *(?<holder>\S.*\S) *$/gim)].map(
    ({ groups }) => groups?.['holder'] ?? '',
  );
}

function stanza(files: string, holders: readonly string[], license: string, text: string): string {
  const lines = text
    .trim()
    .split('\n')
    .map((line) => (line.trim() === '' ? ' .' : ` ${line.trimEnd()}`));
  return [`Files: ${files}`, `Copyright: ${holders.join('\n ')}`, `License: ${license}`, ...lines, ''].join('\n');
}
