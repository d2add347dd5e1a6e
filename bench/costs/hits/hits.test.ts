import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runQuick } from '../run-quick.ts';
import { labelOf, UDP_IOS } from '../servers/ours.ts';
import { PEERS } from '../servers/peers.ts';
import type { HitsRow } from './hits-report.ts';
import { ECHO, LOADS } from './hits-run.ts';

test('a quick run measures every server under every load and exits', async () => {
  const { rows, targets } = await runQuick<{ rows: HitsRow[]; targets: unknown[] }>(
    new URL('hits.ts', import.meta.url),
  );
  const servers = [...UDP_IOS.map(labelOf), ...PEERS.map(({ label }) => label), ECHO];
  assert.deepEqual(
    rows.map(({ server, load }) => [load, server]),
    LOADS.flatMap(({ label }) => servers.map((server) => [label, server])),
  );
  for (const row of rows) {
    assert.ok(row.answersPerSecond > 0 && row.cpuMicros > 0 && row.cpuShare > 0 && row.residentBytes > 0, row.server);
    assert.ok(row.p50Ms > 0 && row.p50Ms <= row.p99Ms, row.server);
  }
  assert.equal(targets.length, 5);
});
