import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSeededRandom } from '../onion/seeded-random.ts';
import { createWeb, type Host } from './web.ts';

const { sites } = createWeb(createSeededRandom(1));

test('a page has as many names as was measured: median 10, mean 12.2', () => {
  const counts = sites.map(({ length }) => length).toSorted((a, b) => a - b);
  assert.equal(counts[counts.length / 2], 10);
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  assert.ok(Math.abs(mean - 12.2) < 0.5, `${mean}`);
});

test('a site has an existing name of its own and shares other hosts with many sites', () => {
  assert.equal(new Set(sites.map(([own]) => own?.name)).size, sites.length);
  assert.ok(sites.every(([own]) => own?.exists));
  const sitesOf = new Map<Host, number>();
  for (const host of sites.flat()) sitesOf.set(host, (sitesOf.get(host) ?? 0) + 1);
  const [most = 0, ...others] = [...sitesOf.values()].toSorted((a, b) => b - a);
  assert.ok(most > sites.length / 4);
  assert.ok(others.filter((count) => count === 1).length > others.length / 2);
});
