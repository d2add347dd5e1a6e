import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearest } from '../../src/lib/nearest.ts';

const WORDS = ['port', 'upstream', 'upstream-name', 'timeout', 'metrics'];

test('a misspelt word gets the closest word', () => {
  assert.equal(nearest('upstraem', WORDS), 'upstream');
  assert.equal(nearest('upstreamname', WORDS), 'upstream-name');
  assert.equal(nearest('metric', WORDS), 'metrics');
});

test('two swapped letters count as one error, so that they are found in short words too', () => {
  assert.equal(nearest('prot', WORDS), 'port');
});

test('a word that resembles none gets no suggestion', () => {
  assert.equal(nearest('verbose', WORDS), undefined);
  assert.equal(nearest('', WORDS), undefined);
});
