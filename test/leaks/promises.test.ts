import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { PROMISES, rowOf } from './promises.ts';

const ROOT = join(import.meta.dirname, '..', '..');

const read = (path: string): Promise<string> => readFile(join(ROOT, path), 'utf8');

test("README's promises are these, each with links to its proofs", async () => {
  const rows = (await read('README.md')).split('\n').filter((line) => /^\| G\d+ \|/.test(line));
  assert.deepEqual(rows, PROMISES.map(rowOf));
});

test('every proof is a test that is there', async () => {
  for (const { id, proofs } of PROMISES) {
    assert.ok(proofs.length > 0, id);
    for (const proof of proofs) assert.ok((await read(proof.file)).includes(proof.test), `${id}: ${proof.file}`);
  }
});
