import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { PROMISES } from './promises.ts';

const ROOT = join(import.meta.dirname, '..', '..');

const read = (path: string): Promise<string> => readFile(join(ROOT, path), 'utf8');

test('every proof is an existing test', async () => {
  for (const { id, proofs } of PROMISES) {
    assert.ok(proofs.length > 0, id);
    for (const proof of proofs) assert.ok((await read(proof.file)).includes(proof.test), `${id}: ${proof.file}`);
  }
});
