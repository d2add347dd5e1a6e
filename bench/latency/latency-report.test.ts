import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatRates, toCircuitRate } from './circuit-rates.ts';
import { type ClientKind, DNS4TOR, ONE_CONNECTION, RACING } from './latency-clients.ts';
import { toCurve } from './latency-curve.ts';
import type { Regime } from './latency-regimes.ts';
import { formatRegime, toRegimeFigures } from './latency-report.ts';
import type { ClientRun } from './latency-run.ts';

const KINDS = [ONE_CONNECTION, RACING, DNS4TOR];

const REGIME: Regime = {
  name: 'pages',
  title: 'pages of two names',
  pageNames: 2,
  isCold: false,
  rejects: false,
  schedule: () => [],
  lastsMs: 1_800_000,
};

function run(kind: ClientKind, seed: number, timesMs: readonly number[]): ClientRun {
  return { kind, seed, timesMs, upstreamQueries: 5, circuits: 7, circuitsAtStart: 3 };
}

const LIVES = [
  run(ONE_CONNECTION, 1, [1000, 4000, 3000, Infinity]),
  run(ONE_CONNECTION, 2, [4000, 8000, 4000, 6000]),
  run(RACING, 1, [200, 400, 200, 400]),
  run(RACING, 2, [200, 400, 200, 400]),
  run(DNS4TOR, 1, [100, 300, 100, 200]),
  run(DNS4TOR, 2, [100, 300, 100, 200]),
];

test('quantiles of the seeds are pooled by the geometric mean, and shares by the mean', () => {
  const { names, clients } = toRegimeFigures(REGIME, KINDS, LIVES, []);
  assert.equal(names, 8);
  const [one] = clients;
  assert.ok(one !== undefined);
  assert.equal(Math.round(one.p50), Math.round(Math.sqrt(3000 * 4000)));
  assert.equal(Math.round(one.p95), Math.round(Math.sqrt(13_000 * 8000)));
  assert.equal(one.failed, (1 / 4 + 0) / 2);
  assert.equal(one.within5s, (3 / 4 + 2 / 4) / 2);
  assert.equal(one.upstreamPerName, 1.25);
  assert.equal(one.pages?.incomplete, 1 / 4);
  assert.equal(Math.round(one.pages?.firstP50 ?? 0), Math.round(Math.sqrt(1000 * 4000)));
  assert.equal(Math.round(one.pages?.lastP50 ?? 0), Math.round(Math.sqrt(4000 * 6000)));
});

test('the table has lines for each client, for dns4tor relative to the racing one, and for the best circuits', () => {
  const bestOf = [{ circuits: 6, p50: 90, p95: 290 }];
  const lines = formatRegime(toRegimeFigures(REGIME, KINDS, LIVES, bestOf)).split('\n');
  const cellsOf = (label: string): string[] | undefined =>
    lines
      .find((line) => line.startsWith(`${label}  `))
      ?.slice(label.length)
      .trim()
      .split(/ {2,}/);
  assert.deepEqual(cellsOf(RACING.label), '200,400,100.0 %,0.00 %,1.25,7.0,200,400,400,0.0 %'.split(','));
  assert.deepEqual(cellsOf(`${DNS4TOR.label} ÷ ${RACING.label}`), '0.50×,0.75×,0.50×,0.50×,0.75×'.split(','));
  assert.deepEqual(cellsOf('best of 6 circuits, known'), ['90', '290']);
  assert.doesNotMatch(lines.join('\n'), /NaN|undefined|Infinity/);
});

test('circuits per hour exclude those built at the start', () => {
  const rate = toCircuitRate(REGIME, LIVES);
  assert.equal(rate.atStart, 3);
  assert.equal(rate.perHour, 8);
  assert.match(formatRates([rate]), /3\.0 +8\.0$/);
});

test('a curve passes through the pooled quantiles and ends at the last answer of the worst seed', () => {
  const { sortedMs } = toCurve(ONE_CONNECTION, LIVES);
  assert.equal(Math.round(sortedMs[199] as number), Math.round(Math.sqrt(3000 * 4000)));
  assert.ok(Number.isFinite(sortedMs[299]) && sortedMs[300] === Infinity);
});
