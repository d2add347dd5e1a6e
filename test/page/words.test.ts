import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SOURCES } from '../../page/columns.ts';
import { TOR_KINDS } from '../../page/tor-words.ts';
import * as terminal from '../../src/cli/output/status-text.ts';

test('the page and the terminal use the same labels for answer sources and kinds of Tor', () => {
  assert.deepEqual(
    Object.fromEntries(SOURCES.map(({ key, label }) => [key, label])),
    Object.fromEntries(terminal.SOURCES),
  );
  assert.deepEqual(TOR_KINDS, terminal.TOR_KINDS);
});
