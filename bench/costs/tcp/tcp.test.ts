import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runQuick } from '../run-quick.ts';
import type { TcpRun } from './tcp-run.ts';

test('a quick run sends queries over TCP and UDP and exits', async () => {
  const { tcp, udpAlone, udpBeside, cpuMicros, targets } = await runQuick<TcpRun & { targets: unknown[] }>(
    new URL('tcp.ts', import.meta.url),
  );
  for (const { completed, lost, rcodes, p50Ms, p99Ms } of [tcp, udpAlone, udpBeside]) {
    assert.ok(completed > 0 && lost === 0);
    assert.deepEqual(rcodes, { NOERROR: completed });
    assert.ok(p50Ms > 0 && p50Ms <= p99Ms);
  }
  assert.ok(cpuMicros > 0);
  assert.equal(targets.length, 2);
});
