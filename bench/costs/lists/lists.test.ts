import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runQuick } from '../run-quick.ts';
import type { ListsCosts } from './lists-run.ts';

test('a quick run loads all names and measures every cost', async () => {
  const costs = await runQuick<ListsCosts & { targets: unknown[] }>(new URL('lists.ts', import.meta.url));
  assert.equal(costs.names, 1000);
  assert.ok(costs.bytes > 0 && costs.loadMs > 0);
  assert.ok(costs.missNanos > 0 && costs.blockNanos > 0 && costs.hitRatio > 0);
  assert.equal(costs.targets.length, 4);
});
