import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSeededRandom } from '../onion/seeded-random.ts';
import { LONG_REGIMES, PAGE_NAMES, poisson, REGIMES } from './latency-regimes.ts';

test('Poisson arrivals have the given rate and are ascending whole milliseconds', () => {
  const times = poisson(createSeededRandom(1), 15, 1000);
  assert.ok(Math.abs(times.length / 15_000 - 1) < 0.03, `${times.length}`);
  assert.deepEqual(
    times,
    times.map(Math.round).toSorted((a, b) => a - b),
  );
});

test('each regime ends within its stated time, and pages are complete', () => {
  for (const { name, schedule, lastsMs, pageNames = 1 } of [...REGIMES, ...LONG_REGIMES]) {
    const times = schedule(createSeededRandom(1));
    assert.ok((times.at(-1) ?? 0) <= lastsMs, name);
    assert.equal(times.length % pageNames, 0);
  }
  const pages = REGIMES.find(({ name }) => name === 'pages')?.schedule(createSeededRandom(1)) ?? [];
  assert.deepEqual(pages.slice(PAGE_NAMES - 1, PAGE_NAMES + 1), [0, 6000]);
});
