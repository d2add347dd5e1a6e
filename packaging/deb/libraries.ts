import { mkdir, mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runTool } from './run-tool.ts';
import { listEntries, type Staging } from './staging.ts';

/**
 * Finds the Debian packages, with minimum versions, that the programs and Node addons depend on (dpkg-shlibdeps(1)).
 */
export async function findLibraries({ root }: Staging): Promise<readonly string[]> {
  const entries = (await listEntries(root)).filter(({ isFile }) => isFile);
  const binaries = entries.filter(({ path }) => /(?:\/node|\.node)$/.test(path)).map(({ path }) => join(root, path));
  // dpkg-shlibdeps needs a source package, but reads only this file.
  await using sources = await mkdtempDisposable(join(tmpdir(), 'dns4tor-deb-'));
  await mkdir(join(sources.path, 'debian'));
  await writeFile(join(sources.path, 'debian/control'), 'Source: dns4tor\n\nPackage: dns4tor\nArchitecture: any\n');
  const output = await runTool('dpkg-shlibdeps', ['-O', ...binaries.map((path) => `-e${path}`)], { cwd: sources.path });
  const depends = /^shlibs:Depends=(.*)$/m.exec(output)?.[1];
  if (depends === undefined) throw new Error(`dpkg-shlibdeps reported no dependencies: ${output}`);
  return depends.split(', ');
}
