import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { README, withTables } from '../../scripts/readme-table.ts';

test("README's tables are those of the code", () => {
  const readme = readFileSync(README, 'utf8');
  assert.ok(readme === withTables(readme), 'README.md is out of date; run: node scripts/readme-table.ts --write');
});

test('each table is put between its markers, and the rest is left alone', () => {
  const places = ['options', 'events', 'fields'].map((name) => `<!-- ${name} -->\nold\n<!-- /${name} -->\n`);
  const once = withTables(`before\n${places.join('between\n')}after\n`);
  assert.match(once, /^before\n<!-- options -->\n\| flag \|/);
  assert.match(once, /\n\| `--port` \| `DNS4TOR_PORT`, `TUNNEL_DNS_PORT` \| `53` \| /);
  assert.match(once, /\|\n<!-- \/options -->\nbetween\n<!-- events -->\n/);
  assert.match(once, /\n\| `stopping` \| info \| Stopping \| `signal` \|\n/);
  assert.match(once, /\|\n<!-- \/fields -->\nafter\n$/);
  assert.equal(withTables(once), once);
  assert.throws(() => withTables('no place'), /has no place for the options/);
});
