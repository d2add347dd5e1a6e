import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { README, withOptionsTable } from './readme-table.ts';

test("README's table of options is that of the options table", () => {
  const readme = readFileSync(README, 'utf8');
  assert.ok(readme === withOptionsTable(readme), 'README.md is out of date; run: node test/readme-table.ts --write');
});

test('the table is put between its markers, and the rest is left alone', () => {
  const once = withOptionsTable('before\n<!-- options -->\nold\n<!-- /options -->\nafter\n');
  assert.match(once, /^before\n<!-- options -->\n\| flag \|/);
  assert.match(once, /\n\| `--port` \| `DNS4TOR_PORT`, `TUNNEL_DNS_PORT` \| `53` \| /);
  assert.match(once, /\|\n<!-- \/options -->\nafter\n$/);
  assert.equal(withOptionsTable(once), once);
  assert.throws(() => withOptionsTable('no place'), /has no place for the options/);
});
