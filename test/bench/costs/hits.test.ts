import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import process from 'node:process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { HitsRow } from './hits-report.ts';
import { ECHO, LOADS } from './hits-run.ts';
import { labelOf, UDP_IOS } from './ours.ts';
import { PEERS } from './peers.ts';

const SCRIPT = fileURLToPath(new URL('hits.ts', import.meta.url));

test('a short run measures every server under every load, and ends by itself', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT, '--quick', '--json']);
  const { rows, targets } = JSON.parse(stdout) as { rows: HitsRow[]; targets: unknown[] };
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
