import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearest } from '../../src/lib/nearest.ts';

const WORDS = ['port', 'upstream', 'upstream-name', 'timeout', 'metrics'];

test('a misspelt word finds the word that it is nearest to', () => {
  assert.equal(nearest('upstraem', WORDS), 'upstream');
  assert.equal(nearest('upstreamname', WORDS), 'upstream-name');
  assert.equal(nearest('metric', WORDS), 'metrics');
});

test('a swap of two letters counts as one slip, so that it is found in a short word too', () => {
  assert.equal(nearest('prot', WORDS), 'port');
});

test('a word that is like none gets no suggestion', () => {
  assert.equal(nearest('verbose', WORDS), undefined);
  assert.equal(nearest('', WORDS), undefined);
});
