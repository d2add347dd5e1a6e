import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openLaboratory } from '../laboratory.ts';
import { DNS4TOR, ONE_CONNECTION, RACING } from './latency-clients.ts';
import { everySecond, type Regime } from './latency-regimes.ts';
import { type ClientRun, type LatencyRunOptions, runLatency } from './latency-run.ts';

const REGIME: Regime = {
  name: 'short',
  title: '',
  isCold: false,
  rejects: false,
  schedule: () => everySecond(60),
  lastsMs: 60_000,
};
const OPTIONS: LatencyRunOptions = {
  regime: REGIME,
  kinds: [ONE_CONNECTION, RACING, DNS4TOR],
  seeds: [1, 2],
  drifts: true,
  onProgress: () => {},
};

test('every client gets the same names over real sockets, and the same seed gives the same times', async () => {
  await using laboratory = await openLaboratory();
  const runs = await runLatency(laboratory, OPTIONS);
  assert.deepEqual(
    runs.map(({ kind, seed }) => [kind.label, seed]),
    [1, 2].flatMap((seed) => OPTIONS.kinds.map(({ label }) => [label, seed])),
  );
  for (const { timesMs, circuits, circuitsAtStart } of runs) {
    assert.equal(timesMs.length, 60);
    assert.ok(timesMs.filter(Number.isFinite).length > 40);
    assert.ok(circuitsAtStart >= 1 && circuits >= circuitsAtStart);
  }
  const [one, racing, ours] = runs as [ClientRun, ClientRun, ClientRun];
  assert.ok(one.circuits >= 1 && racing.circuits === 5 && ours.circuits > 1);
  assert.ok(one.upstreamQueries >= 60 && one.upstreamQueries <= 1.2 * 60);
  assert.ok(ours.upstreamQueries > 60 && ours.upstreamQueries <= 1.25 * 60 + 10);
  const again = await runLatency(laboratory, OPTIONS);
  assert.deepEqual(again, runs);
});

test('a cold start includes the connect, and names fail if every circuit gets 503', async () => {
  await using laboratory = await openLaboratory();
  const regime = { ...REGIME, isCold: true, schedule: () => [0], lastsMs: 0 };
  const cold = await runLatency(laboratory, { ...OPTIONS, regime, kinds: [RACING] });
  assert.ok(cold.every(({ timesMs, circuitsAtStart }) => (timesMs[0] as number) > 500 && circuitsAtStart === 0));

  // With one connection, the seed decides whether it is the one of three that gets 503.
  const seeds = [1, 2, 3, 4, 5, 6];
  const rejecting = { ...REGIME, rejects: true };
  const runs = await runLatency(laboratory, { ...OPTIONS, regime: rejecting, kinds: [RACING], seeds });
  const failed = runs.map(({ timesMs }) => timesMs.filter((timeMs) => timeMs === Infinity).length);
  assert.ok(failed.includes(60) && failed.some((count) => count < 10), failed.join());
});
