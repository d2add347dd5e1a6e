import assert from 'node:assert/strict';
import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { MUTATIONS, mutate } from './mutations.ts';
import { PROMISES } from './promises.ts';

const ROOT = join(import.meta.dirname, '..', '..');

test('every promise has a mutation that breaks it', () => {
  assert.deepEqual(new Set(MUTATIONS.map(({ id }) => id)), new Set(PROMISES.map(({ id }) => id)));
});

test('every mutation finds what it changes', async () => {
  for (const mutation of MUTATIONS) mutate(await readFile(join(ROOT, mutation.file), 'utf8'), mutation);
});

test('a mutation whose anchor is missing or occurs twice is an error', () => {
  const mutation = {
    id: 'G0',
    breach: '',
    file: 'here.ts',
    proof: { file: '', test: '' },
    anchor: 'a',
    code: 'new();',
  };
  const source = 'first();\n// Leak mutation: a\nsecond();\n';
  assert.throws(() => mutate('first();', mutation), /0 times/);
  assert.throws(() => mutate(source + source, mutation), /2 times/);
  assert.equal(mutate(source, mutation), 'first();\nnew();\nsecond();\n');
  assert.equal(mutate(source, { ...mutation, instead: true }), 'first();\nnew();\n');
});

test('a mutation that removes a name removes nothing else', () => {
  const mutation = { id: 'G0', breach: '', file: 'here.sh', proof: { file: '', test: '' }, without: 'NODE_DEBUG ' };
  assert.equal(mutate('unset DEBUG NODE_DEBUG NODE_OPTIONS', mutation), 'unset DEBUG NODE_OPTIONS');
  assert.throws(() => mutate('unset DEBUG', mutation), /0 times/);
});

test('every anchor in the sources belongs to a mutation', async () => {
  const anchors: string[] = [];
  for await (const path of glob('src/**/*.ts', { cwd: ROOT })) {
    const source = await readFile(join(ROOT, path), 'utf8');
    for (const [, name] of source.matchAll(/\/\/ Leak mutation: (.*)/g)) anchors.push(`${path} ${name}`);
  }
  const known = MUTATIONS.flatMap((mutation) => ('anchor' in mutation ? [`${mutation.file} ${mutation.anchor}`] : []));
  assert.deepEqual(new Set(anchors), new Set(known));
});
