import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runQuick } from '../run-quick.ts';
import type { Footprint } from './footprint-run.ts';

test('a quick run starts dns4tor, fills its cache and exits', async () => {
  const footprint = await runQuick<Footprint & { targets: unknown[] }>(new URL('footprint.ts', import.meta.url));
  assert.equal(footprint.listeningMs.length, 1);
  assert.ok((footprint.listeningMs[0] ?? 0) > 0);
  assert.ok(footprint.idleBytes > 0 && footprint.filledBytes > 0 && footprint.restedBytes > 0);
  assert.ok(footprint.entries >= 400);
  assert.ok(footprint.cacheBytes > 0);
  assert.equal(footprint.targets.length, 3);
});
