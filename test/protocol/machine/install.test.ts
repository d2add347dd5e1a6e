import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findProgram } from '../../fixtures/process/find-program.ts';
import { runProgram } from '../../fixtures/process/run-program.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';

/** `$1` is a folder with another /etc, /run and /var/lib, `$2` the ip program; the rest is the command to run. */
const SET_UP = `set -e
"$2" link set lo up
for folder in etc run var/lib; do mount --bind "$1/$folder" "/$folder"; done
shift 2
exec "$@"`;

test('install, confirm, pause and uninstall work on a separate machine with a running dns4tor on port 53', async () => {
  await using directory = await createTemporaryDirectory();
  for (const folder of ['etc', 'run', 'var/lib']) await mkdir(join(directory.path, folder), { recursive: true });
  // For other users of the namespace, and for Node's own lookups.
  await writeFile(join(directory.path, 'etc/hosts'), '127.0.0.1 localhost\n::1 localhost\n');
  const script = fileURLToPath(new URL('../namespaced/install.ts', import.meta.url));
  const asRoot = process.getuid?.() === 0 ? [] : ['--map-root-user'];
  const command = [process.execPath, script];
  const words = [directory.path, await findProgram('ip'), ...command];
  await runProgram('unshare', ['--mount', '--net', ...asRoot, 'sh', '-c', SET_UP, 'sh', ...words]);
});
