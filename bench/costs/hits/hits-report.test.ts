import assert from 'node:assert/strict';
import { test } from 'node:test';
import { labelOf } from '../servers/ours.ts';
import { isReached } from '../target.ts';
import { formatHits, targetsOf, toRows } from './hits-report.ts';
import { type Hits, LOADS } from './hits-run.ts';

const PEERS: readonly string[] = ['unbound', 'dnsmasq', 'dnsdist'];
const SERVERS: readonly string[] = [labelOf('batch'), labelOf('dgram'), ...PEERS];

/** Three rounds of every server under every load. Figures that are not given are equal. */
function results(figuresOf: (server: string, load: string, round: number) => Partial<Hits> = () => ({})): Hits[] {
  return [0, 1, 2].flatMap((round) =>
    LOADS.flatMap(({ label: load }) =>
      SERVERS.map((server) => ({
        server,
        load,
        answersPerSecond: 10_000,
        cpuMicros: 5,
        cpuShare: 0.05,
        p50Ms: 0.1,
        p99Ms: 1,
        lost: 0,
        residentBytes: 2 ** 20,
        ...figuresOf(server, load, round),
      })),
    ),
  );
}

function reached(figuresOf: (server: string, load: string) => Partial<Hits>): boolean[] {
  return targetsOf(toRows(results(figuresOf))).map(isReached);
}

/** Fast enough to reach every target. */
function good(server: string): Partial<Hits> {
  return { cpuMicros: server === labelOf('batch') ? 3 : server === labelOf('dgram') ? 10 : 5 };
}

test('a row holds the median of each figure, and the sum of lost queries', () => {
  const figures = [
    { cpuMicros: 7, p99Ms: 1, lost: 1 },
    { cpuMicros: 5, p99Ms: 3, lost: 0 },
    { cpuMicros: 6, p99Ms: 2, lost: 4 },
  ];
  const rows = toRows(results((_server, _load, round) => figures[round] ?? {}));
  assert.equal(rows.length, SERVERS.length * LOADS.length);
  assert.deepEqual(
    rows.map(({ cpuMicros, p99Ms, lost }) => [cpuMicros, p99Ms, lost]),
    rows.map(() => [6, 2, 5]),
  );
});

test('the table has a section for each load with a line for each server', () => {
  const lines = formatHits(toRows(results())).split('\n');
  assert.equal(lines.length, LOADS.length * (1 + SERVERS.length));
  for (const [i, { label }] of LOADS.entries()) {
    const part = lines.slice(i * (1 + SERVERS.length));
    assert.ok(part[0]?.startsWith(label));
    assert.match(part[3] ?? '', /^ {2}unbound +10000 +5\.00 +5\.0 % +0\.100 +1\.000 +0 +1$/);
  }
});

test('a server that is fast enough reaches all targets', () => {
  assert.deepEqual(reached(good), [true, true, true, true, true]);
});

test('CPU at saturation is compared with the best of the others', () => {
  const best = reached((server) => ({ ...good(server), ...(server === 'dnsdist' ? { cpuMicros: 3.2 } : {}) }));
  assert.deepEqual(best, [false, true, true, true, true]);
});

test('CPU at the lower rate and p99 at the higher are compared with unbound at that rate', () => {
  const [LIGHT, HEAVY] = [LOADS[1].label, LOADS[2].label];
  const lazy = reached((server, load) => ({
    ...good(server),
    ...(server === 'unbound' && load === LIGHT ? { cpuMicros: 1.1 } : {}),
    ...(server === 'unbound' && load === HEAVY ? { p99Ms: 0.4 } : {}),
  }));
  assert.deepEqual(lazy, [true, true, false, false, true]);
});

test('lost queries count only at loads at which no other server loses any', () => {
  const losing = (...servers: readonly string[]): boolean | undefined =>
    reached((server) => ({ ...good(server), lost: servers.includes(server) ? 1 : 0 })).at(-1);
  assert.equal(losing(labelOf('batch')), false);
  assert.equal(losing(labelOf('batch'), 'dnsmasq'), true);
});
