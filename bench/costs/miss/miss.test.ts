import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runQuick } from '../run-quick.ts';
import type { MissRow } from './miss-report.ts';
import { CIRCUITS, clientLabelOf, FLOOR } from './miss-run.ts';

test('a quick run measures dns4tor and the bare client and exits', async () => {
  const { rows, targets } = await runQuick<{ rows: MissRow[]; targets: unknown[] }>(
    new URL('miss.ts', import.meta.url),
  );
  assert.deepEqual(
    rows.map(({ client }) => client),
    [...CIRCUITS.map(clientLabelOf), FLOOR],
  );
  for (const { client, cpuMicros } of rows) assert.ok(cpuMicros > 0, client);
  assert.equal(targets.length, CIRCUITS.length);
});
