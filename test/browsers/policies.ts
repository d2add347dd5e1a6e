import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { NetworkNamespace } from '../fixtures/namespace/network-namespace.ts';
import { findProgram } from '../fixtures/process/find-program.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';

/** Policy files by their path in /etc. */
export type Policies = Readonly<Record<string, object>>;

/**
 * Puts in place of /etc, which may lack the folders, a copy with the files in directory `$1`. Without root, some files
 * cannot be copied; browsers need none of them.
 */
const MOUNT = `
set -e
mount -t tmpfs tmpfs "$1/mount"
cp -a /etc/. "$1/mount" || true
cp -R "$1/files/." "$1/mount"
mount --bind "$1/mount" /etc
`;

/** Installs policies that only programs in the namespace see. Dispose removes them. */
export async function installPolicies(namespace: NetworkNamespace, policies: Policies): Promise<AsyncDisposable> {
  await using resources = new AsyncDisposableStack();
  const { path } = resources.use(await createTemporaryDirectory());
  await mkdir(join(path, 'mount'));
  for (const [file, content] of Object.entries(policies)) {
    const target = join(path, 'files', file);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, JSON.stringify(content));
  }
  await namespace.run('/bin/sh', '-c', MOUNT, 'sh', path);
  const umount = await findProgram('umount');
  resources.defer(async () => {
    await namespace.run(umount, '/etc');
  });
  return resources.move();
}
