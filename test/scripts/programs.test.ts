import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { ProgramFinder } from '../../scripts/programs.js';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';

const KNOWN = ['dig', 'nft', 'strip', 'tor', 'unbound'];

/** The programs of `a.test.ts` among these files. */
async function programsOf(files: Readonly<Record<string, string>>): Promise<string[]> {
  await using directory = await createTemporaryDirectory();
  for (const [name, code] of Object.entries(files)) {
    const path = join(directory.path, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, code);
  }
  return [...new ProgramFinder(KNOWN).programsOf(join(directory.path, 'a.test.ts'))].toSorted();
}

test('the programs of a file are those of all files that it imports, which may import each other', async () => {
  assert.deepEqual(
    await programsOf({
      'a.test.ts': "import { dig } from './dig.ts';\nimport './side-effect.ts';\nawait findProgram('tor');",
      'dig.ts': "import type { A } from './a.test.ts';\nexport { x } from './lib/x.ts';\nrunProgram('dig', []);",
      'side-effect.ts': "await import('./later.ts');",
      'later.ts': "await runProgram(\n  'nft',\n  []);",
      'lib/x.ts': "await runTool('strip', []);",
      'unused.ts': "findProgram('unbound');",
    }),
    ['dig', 'nft', 'strip', 'tor'],
  );
});

test('scripts that run in processes of their own count too, and all of a folder whose script is a variable', async () => {
  assert.deepEqual(
    await programsOf({
      'a.test.ts':
        "start(new URL('child.ts', import.meta.url));\nstart(new URL(`scripts/${name}.ts`, import.meta.url));",
      'child.ts': "findProgram('tor');",
      'scripts/one.ts': "findProgram('dig');",
      'scripts/two.ts': "findProgram('nft');",
      'scripts/notes.txt': "findProgram('unbound');",
    }),
    ['dig', 'nft', 'tor'],
  );
});

test('unknown programs and missing files are ignored', async () => {
  assert.deepEqual(await programsOf({ 'a.test.ts': "import './gone.ts';\nfindProgram('editor');" }), []);
});
