import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startProcess } from '../fixtures/process.ts';
import { toMiB } from '../fixtures/process-usage.ts';
import type { Flood } from './flood-of-names.ts';

const SCRIPT = fileURLToPath(new URL('flood-of-names.ts', import.meta.url));

const NAMES = 1_000_000;
/** The default of --cache-size. */
const CACHE_BYTES = 16 * 2 ** 20;
/** For what is compiled and grown once: code, shapes, tables. A million of anything would take more. */
const MARGIN_BYTES = 4 * 2 ** 20;
/**
 * By what RSS may grow when the cache has long been full. As few as 70 octets kept for each name would be more than
 * this.
 */
const MAX_GROWTH_BYTES = 32 * 2 ** 20;

async function flood(): Promise<Flood> {
  const args = ['--expose-gc', '--max-semi-space-size=1', SCRIPT, String(NAMES), String(CACHE_BYTES)];
  await using running = await startProcess(process.execPath, args);
  assert.equal(await running.ended, 0, running.output);
  return JSON.parse(running.output) as Flood;
}

test(`${NAMES} random names that are asked for once take no more memory than the cache may, and push out no name that is asked for now and then`, async (t) => {
  const found = await flood();
  const { before, afterHalf, after } = found.resident;
  t.diagnostic(`RSS before ${toMiB(before)}, after ${NAMES / 2} names ${toMiB(afterHalf)}, after all ${toMiB(after)}`);
  t.diagnostic(`kept on the heap: ${toMiB(found.keptBytes)} for ${toMiB(found.cacheBytes)} that the cache has charged`);
  assert.equal(found.hotMisses, 0);
  assert.equal(found.upstreamRequests, NAMES + 2);
  assert.ok(found.cacheBytes <= CACHE_BYTES && found.cacheBytes > CACHE_BYTES * 0.95);
  assert.ok(found.keptBytes <= CACHE_BYTES + MARGIN_BYTES);
  assert.ok(after - afterHalf < MAX_GROWTH_BYTES);
});
