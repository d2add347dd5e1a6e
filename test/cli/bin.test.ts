import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runNode } from './run-cli.ts';

test('the built command runs', async () => {
  const bin = fileURLToPath(new URL('../../dist/launch/dns4tor.js', import.meta.url));
  const { code, stderr } = await runNode([bin, 'proxy-dns', '--check']);
  assert.equal(stderr, '', 'is it built? npm run build');
  assert.equal(code, 0);
});
