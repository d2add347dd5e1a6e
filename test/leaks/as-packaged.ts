import assert from 'node:assert/strict';
import { cp, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');

/** A wrapper that runs a command through the Debian package's launcher, with core dumps allowed before it. */
export async function throughLauncher(): Promise<readonly string[]> {
  const launcher = await readFile(join(ROOT, 'packaging', 'deb', 'launcher.sh'), 'utf8');
  const script = launcher.replace(/^exec .*$/m, 'exec "$@"');
  assert.notEqual(script, launcher);
  return ['/bin/sh', '-c', `ulimit -S -c "$(ulimit -H -c)"\n${script}`, 'sh'];
}

/** Installs a copy of the program with a version number, atomically. */
export async function installProgram(folder: string, version: string): Promise<void> {
  const unfinished = `${folder}.new`;
  await cp(join(ROOT, 'dist'), join(unfinished, 'dist'), { recursive: true });
  await writeFile(join(unfinished, 'package.json'), JSON.stringify({ name: 'dns4tor', version, type: 'module' }));
  await symlink(join(ROOT, 'node_modules'), join(unfinished, 'node_modules'));
  await rename(unfinished, folder);
}
