import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runQuick } from '../run-quick.ts';
import { formatNeighbours, type NeighboursRow } from './neighbours-report.ts';

test('a quick run plays two scenes against two servers over TCP and UDP, and exits', async () => {
  const { rows } = await runQuick<{ rows: NeighboursRow[] }>(new URL('neighbours.ts', import.meta.url));
  assert.deepEqual([...new Set(rows.map(({ server }) => server))], ['dns4tor', 'unbound, 10']);
  for (const { server, tcp, udp } of rows) {
    assert.equal(udp.answered, udp.asked);
    if (server === 'dns4tor') assert.deepEqual([tcp.answered, tcp.cut], [tcp.asked, 0]);
  }
  const lines = formatNeighbours(rows).split('\n');
  assert.equal(lines.length, 1 + rows.length);
});
