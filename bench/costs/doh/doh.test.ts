import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runQuick } from '../run-quick.ts';
import type { CpuRatio, DohRow } from './doh-report.ts';
import { type IdleMemory, LOADS } from './doh-run.ts';
import { ENCRYPTED_PEERS, FLOOR_OF, OURS, type Protocol } from './encrypted-servers.ts';

function serversOf(protocol: Protocol): string[] {
  const peers = ENCRYPTED_PEERS.filter(({ protocols }) => protocols.includes(protocol));
  return [OURS, FLOOR_OF[protocol], ...peers.map(({ label }) => label)];
}

test('a quick run measures every server under every load of its protocols and exits', async () => {
  const { rows, ratios, idle, targets } = await runQuick<{
    rows: DohRow[];
    ratios: CpuRatio[];
    idle: IdleMemory[];
    targets: unknown[];
  }>(new URL('doh.ts', import.meta.url));
  assert.deepEqual(
    rows.map(({ load, server }) => [load, server]),
    LOADS.flatMap(({ label, protocol }) => serversOf(protocol).map((server) => [label, server])),
  );
  for (const { server, load, answersPerSecond, cpuMicros, cpuShare, residentBytes, p50Ms, p99Ms } of rows) {
    assert.ok(answersPerSecond > 0 && cpuMicros > 0 && cpuShare > 0 && residentBytes > 0, `${server}, ${load}`);
    if (LOADS.find(({ label }) => label === load)?.kind === 'rate') assert.ok(p50Ms > 0 && p50Ms <= p99Ms, server);
  }
  for (const { server, ratio } of ratios) assert.ok(ratio > 0, server);
  assert.deepEqual(
    idle.map(({ protocol, server }) => [protocol, server]),
    (['HTTP/2', 'HTTP/1.1', 'DoT'] as const).flatMap((protocol) =>
      serversOf(protocol).map((server) => [protocol, server]),
    ),
  );
  assert.equal(targets.length, 3);
});
