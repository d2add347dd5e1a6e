import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runLatency } from './latency-run.ts';

test('every mode asks the same number of queries over real sockets, and several circuits ask more of the resolver', async () => {
  const modes = [1, 2];
  const runs = await runLatency({ modes, seed: 1, houses: 1, minutes: 2, onProgress: () => {} });
  const [one, two] = runs;
  assert.ok(one !== undefined && two !== undefined);
  assert.deepEqual(
    runs.map(({ circuits }) => circuits),
    modes,
  );
  assert.ok(one.timesMs.length > 60);
  assert.equal(two.timesMs.length, one.timesMs.length);
  assert.ok(one.timesMs.filter(Number.isFinite).length > 60);
  assert.ok(two.upstreamShare > one.upstreamShare && two.upstreamShare <= 1.25);
});
