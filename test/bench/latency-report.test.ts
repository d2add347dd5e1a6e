import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTable, toRow } from './latency-report.ts';

test('the table compares every mode with the first, and with what is to be reached', () => {
  const timesMs = [1000, 2000, 3000, 4000];
  const shared = { upstreamShare: 1.17, circuitsPerHour: 30 };
  const rows = [
    toRow({ circuits: 1, timesMs, ...shared }),
    toRow({ circuits: 3, timesMs: timesMs.map((timeMs) => timeMs / 2), ...shared }),
  ];
  const lines = formatTable(rows).split('\n');
  const lineOf = (label: string): string => lines.find((line) => line.startsWith(label)) ?? '';
  assert.match(
    lineOf('one connection'),
    /^one connection +2000 +3000 +4000 +4000 +4000 +100\.0 % +100\.0 % +1\.17 +30$/,
  );
  assert.match(lineOf('3 circuits, hedged: ratio'), /0\.50× +0\.50× +0\.50× +0\.50× +0\.50×$/);
  assert.match(lineOf('to reach'), /≤ 0\.60× +≤ 0\.50× +≥ 98 % +≤ 1\.20$/);
});

test('a percentile that was never reached has no ratio', () => {
  const shared = { upstreamShare: 1, circuitsPerHour: 6 };
  const rows = [1, 3].map((circuits) => toRow({ circuits, timesMs: [100, Infinity], ...shared }));
  const table = formatTable(rows);
  assert.match(table, /never/);
  assert.doesNotMatch(table, /NaN|Infinity/);
});
