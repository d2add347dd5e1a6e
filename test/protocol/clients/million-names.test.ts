import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startProcess } from '../../fixtures/process/process.ts';
import { toMiB } from '../../fixtures/process/process-usage.ts';
import type { Flood } from './flood-of-names.ts';

const SCRIPT = fileURLToPath(new URL('flood-of-names.ts', import.meta.url));

const NAMES = 1_000_000;
/** The default of --cache-size. */
const CACHE_BYTES = 16 * 2 ** 20;
/** Margin for one-time allocations: code, shapes, tables. A million of anything would exceed it. */
const MARGIN_BYTES = 4 * 2 ** 20;
/** Allowed growth of the resident set once the cache is full. A leak of 70 octets per name would exceed it. */
const MAX_GROWTH_BYTES = 32 * 2 ** 20;

async function flood(): Promise<Flood> {
  const args = ['--expose-gc', '--max-semi-space-size=1', SCRIPT, String(NAMES), String(CACHE_BYTES)];
  await using running = await startProcess(process.execPath, args);
  assert.equal(await running.ended, 0, running.output);
  return JSON.parse(running.output) as Flood;
}

test(`${NAMES} random names use no more memory than the cache limit, and do not evict recurring names`, async (t) => {
  const found = await flood();
  const { before, afterHalf, after } = found.resident;
  t.diagnostic(`RSS before ${toMiB(before)}, after ${NAMES / 2} names ${toMiB(afterHalf)}, after all ${toMiB(after)}`);
  t.diagnostic(`heap growth: ${toMiB(found.keptBytes)} for ${toMiB(found.cacheBytes)} charged by the cache`);
  assert.equal(found.hotMisses, 0);
  assert.equal(found.upstreamRequests, NAMES + 2);
  assert.ok(found.cacheBytes <= CACHE_BYTES && found.cacheBytes > CACHE_BYTES * 0.95);
  assert.ok(found.keptBytes <= CACHE_BYTES + MARGIN_BYTES);
  assert.ok(after - afterHalf < MAX_GROWTH_BYTES);
});
