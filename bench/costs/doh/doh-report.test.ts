import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isReached } from '../target.ts';
import { formatDoh, formatIdle, formatRatios, ratiosOf, targetsOf, toRows } from './doh-report.ts';
import { type DohFigures, type EncryptedLoad, LOADS } from './doh-run.ts';
import { FLOOR_OF, OURS } from './encrypted-servers.ts';

function serversOf({ protocol }: EncryptedLoad): string[] {
  return [OURS, FLOOR_OF[protocol], 'dnsdist', ...(protocol === 'HTTP/1.1' ? [] : ['unbound'])];
}

/** Three rounds of every server under every load. Figures that are not given are equal. */
function results(
  figuresOf: (server: string, load: EncryptedLoad, round: number) => Partial<DohFigures> = () => ({}),
): DohFigures[] {
  return [1, 2, 3].flatMap((round) =>
    LOADS.flatMap((load) =>
      serversOf(load).map((server) => ({
        server,
        load: load.label,
        round,
        answersPerSecond: 10_000,
        cpuMicros: 20,
        cpuShare: 0.2,
        p50Ms: 0.1,
        p99Ms: 1,
        residentBytes: 2 ** 20,
        ...figuresOf(server, load, round),
      })),
    ),
  );
}

test('a row holds the median of each figure', () => {
  const rows = toRows(results((_server, _load, round) => ({ cpuMicros: [7, 5, 6][round - 1] ?? 0, p99Ms: round })));
  assert.equal(rows.length, LOADS.flatMap(serversOf).length);
  for (const { cpuMicros, p99Ms } of rows) assert.deepEqual([cpuMicros, p99Ms], [6, 2]);
});

test('a ratio is the median of the ratios in each round, so a slow round does not count', () => {
  const slowRound = ratiosOf(
    results((server, _load, round) => ({ cpuMicros: (server === OURS ? 30 : 20) * (round === 2 ? 10 : 1) })),
  );
  assert.ok(slowRound.every(({ ratio }) => ratio === 1.5));
  // The ratio of the medians would be 30 / 20.
  const ours = [10, 40, 30];
  const others = [10, 20, 40];
  const uneven = ratiosOf(
    results((server, _load, round) => ({ cpuMicros: (server === OURS ? ours : others)[round - 1] ?? 0 })),
  );
  assert.ok(uneven.every(({ ratio }) => ratio === 1));
});

test('the limit applies to each load over HTTP/2 at saturation, and only against node:http2', () => {
  const reached = (slow: (server: string, load: EncryptedLoad) => boolean): boolean[] =>
    targetsOf(
      ratiosOf(results((server, load) => ({ cpuMicros: server === OURS && slow(server, load) ? 31 : 20 }))),
    ).map(isReached);
  assert.deepEqual(
    reached(() => false),
    [true, true, true],
  );
  assert.deepEqual(
    reached((_server, { method }) => method === 'POST'),
    [true, true, false],
  );
  assert.deepEqual(
    reached((_server, { protocol, kind }) => protocol !== 'HTTP/2' || kind !== 'saturation'),
    [true, true, true],
  );
});

test('the table has a section for each load, with response times only at a fixed rate', () => {
  const lines = formatDoh(toRows(results())).split('\n');
  let at = 0;
  for (const load of LOADS) {
    assert.ok(lines[at]?.startsWith(load.label));
    const line = lines[at + 3] ?? '';
    assert.match(line, /^ {2}dnsdist /);
    assert.equal(/ 0\.100 +1\.000 /.test(line), load.kind === 'rate', load.label);
    assert.equal(/ 10000 /.test(line), load.kind !== 'cold', load.label);
    at += 1 + serversOf(load).length;
  }
  assert.equal(lines.length, at);
});

test('the table of ratios has a line for each load, and none for what a server does not speak', () => {
  const lines = formatRatios(ratiosOf(results())).split('\n');
  assert.equal(lines.length, 1 + LOADS.length);
  assert.match(lines[1] ?? '', / 1\.00 +1\.00 +1\.00$/);
  assert.match(lines.find((line) => line.includes('HTTP/1.1')) ?? '', / 1\.00 +1\.00$/);
});

test('the memory of a connection is in KiB', () => {
  const table = formatIdle([{ server: OURS, protocol: 'DoT', bytesPerConnection: 65_536 }]);
  assert.match(table, /^ {2}DoT: dns4tor +64$/m);
});
