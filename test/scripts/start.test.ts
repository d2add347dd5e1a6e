import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';

const START = join(import.meta.dirname, '..', '..', 'scripts/start.js');

test('npm start listens where `dns4tor check` looks: on localhost, in both families', () => {
  const { stdout } = spawnSync(process.execPath, [START, '--check', '--output', 'json'], { encoding: 'utf8' });
  const { config } = JSON.parse(stdout) as { readonly config: { readonly addresses: readonly string[] } };
  assert.deepEqual(config.addresses, ['localhost']);
});
