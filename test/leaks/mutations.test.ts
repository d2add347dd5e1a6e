import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { mutate, MUTATIONS } from './mutations.ts';
import { PROMISES } from './promises.ts';

const ROOT = join(import.meta.dirname, '..', '..');

test('every promise has a mutation that breaks it', () => {
  assert.deepEqual(new Set(MUTATIONS.map(({ id }) => id)), new Set(PROMISES.map(({ id }) => id)));
});

test('every mutation finds what it changes', async () => {
  for (const mutation of MUTATIONS) mutate(await readFile(join(ROOT, mutation.file), 'utf8'), mutation);
});

test('a mutation whose text is not there, or is there twice, is an error', () => {
  const mutation = { ...MUTATIONS[0]!, text: 'here', replacement: 'there' };
  assert.throws(() => mutate('elsewhere, that is', { ...mutation, text: 'nowhere' }), /0 times/);
  assert.throws(() => mutate('here and here', mutation), /2 times/);
  assert.equal(mutate('it is here', mutation), 'it is there');
});
