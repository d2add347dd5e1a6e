import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DayOptions, type DayRun, runDay } from './day-run.ts';
import { DAY_MS } from './household.ts';
import type { ClientView, ResolverMode, Source } from './household-resolver.ts';

const MODES: readonly ResolverMode[] = [
  { label: 'plain', maxStaleMs: 0, prefetch: false },
  { label: 'full', maxStaleMs: DAY_MS, prefetch: true },
];
const OPTIONS: DayOptions = { modes: MODES, seed: 1, households: 1, hours: 1, onProgress: () => {} };

function count(views: readonly ClientView[], source: Source): number {
  return views.filter((view) => view.source === source).length;
}

test('over an hour, the cache answers at once and stale answers come within 1.8 s', async () => {
  const [plain, full] = (await runDay(OPTIONS)) as [DayRun, DayRun];
  assert.ok(plain.views.length > 100);
  assert.equal(full.views.length, plain.views.length);

  assert.ok(count(plain.views, 'cached') > 10);
  assert.ok(count(plain.views, 'upstream') > 10);
  assert.equal(count(plain.views, 'stale') + count(plain.views, 'refreshed'), 0);
  assert.equal(plain.refreshes, 0);
  assert.ok(plain.upstreamQueries >= count(plain.views, 'upstream'));

  assert.ok(count(full.views, 'stale') > 20);
  for (const { source, durationMs } of full.views) {
    if (source === 'cached' || source === 'refreshed') assert.equal(durationMs, 0);
    if (source === 'stale') assert.ok(durationMs <= 1800);
  }
});

test('the same seed gives the same run', async () => {
  const short = { ...OPTIONS, households: 2, hours: 0.5 };
  assert.deepEqual(await runDay(short), await runDay(short));
});
