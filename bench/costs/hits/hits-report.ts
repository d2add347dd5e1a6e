import { median } from '../../latencies.ts';
import { formatColumns, formatShare } from '../../table.ts';
import { labelOf } from '../servers/ours.ts';
import { PEERS } from '../servers/peers.ts';
import type { Target } from '../target.ts';
import { type Hits, LOADS } from './hits-run.ts';

/** One server under one load: the median of each figure over all rounds, and the sum of lost queries. */
export type HitsRow = Hits;

const HEADINGS: readonly string[] = ['answers/s', 'CPU µs/answer', 'of a core', 'p50 ms', 'p99 ms', 'lost', 'RSS MiB'];

const [SATURATION, LIGHT, HEAVY] = LOADS;

/** Grouped by load, in the order of the first round. */
export function toRows(results: readonly Hits[]): HitsRow[] {
  return LOADS.flatMap(({ label: load }) => {
    const servers = new Set(results.map(({ server }) => server));
    return Array.from(servers, (server) =>
      toRow(results.filter((result) => result.server === server && result.load === load)),
    );
  });
}

/** @param rounds of one server under one load: at least one */
function toRow(rounds: readonly Hits[]): HitsRow {
  const middle = (figure: (round: Hits) => number): number => median(rounds.map(figure));
  return {
    ...(rounds[0] as Hits),
    answersPerSecond: middle((round) => round.answersPerSecond),
    cpuMicros: middle((round) => round.cpuMicros),
    cpuShare: middle((round) => round.cpuShare),
    p50Ms: middle((round) => round.p50Ms),
    p99Ms: middle((round) => round.p99Ms),
    lost: rounds.reduce((sum, round) => sum + round.lost, 0),
    residentBytes: middle((round) => round.residentBytes),
  };
}

/** A table for a terminal, with a section for each load. */
export function formatHits(rows: readonly HitsRow[]): string {
  const lines = LOADS.flatMap(({ label }) => [
    [label, ...HEADINGS],
    ...rows.filter(({ load }) => load === label).map((row) => [`  ${row.server}`, ...figuresOf(row)]),
  ]);
  return formatColumns(lines);
}

function figuresOf(row: HitsRow): string[] {
  return [
    row.answersPerSecond.toFixed(0),
    row.cpuMicros.toFixed(2),
    formatShare(row.cpuShare),
    row.p50Ms.toFixed(3),
    row.p99Ms.toFixed(3),
    String(row.lost),
    (row.residentBytes / 2 ** 20).toFixed(0),
  ];
}

/** Ratios of dns4tor's figures to those of other servers in the same run. */
export function targetsOf(rows: readonly HitsRow[]): Target[] {
  const find = (server: string, load: string): HitsRow => {
    const row = rows.find((candidate) => candidate.server === server && candidate.load === load);
    if (row === undefined) throw new Error(`${server} was not measured at ${load}`);
    return row;
  };
  const peers = (load: string): HitsRow[] => PEERS.map(({ label }) => find(label, load));
  const batch = (load: string): HitsRow => find(labelOf('batch'), load);
  const unbound = (load: string): HitsRow => find('unbound', load);

  const cpu = batch(SATURATION.label).cpuMicros;
  const bestCpu = Math.min(...peers(SATURATION.label).map(({ cpuMicros }) => cpuMicros));
  const withoutLoss = LOADS.filter(({ label }) => peers(label).every(({ lost }) => lost === 0));
  return [
    {
      what: 'CPU per answer at saturation, over the least of unbound, dnsmasq and dnsdist',
      value: cpu / bestCpu,
      limit: 0.9,
    },
    {
      what: 'the same over dns4tor with dgram',
      value: cpu / find(labelOf('dgram'), SATURATION.label).cpuMicros,
      limit: 0.6,
    },
    {
      what: `CPU per answer at ${LIGHT.label}, over unbound`,
      value: batch(LIGHT.label).cpuMicros / unbound(LIGHT.label).cpuMicros,
      limit: 2.5,
    },
    {
      what: `p99 at ${HEAVY.label}, over unbound`,
      value: batch(HEAVY.label).p99Ms / unbound(HEAVY.label).p99Ms,
      limit: 2,
    },
    {
      what: 'lost where unbound, dnsmasq and dnsdist lose none',
      value: withoutLoss.reduce((sum, { label }) => sum + batch(label).lost, 0),
      limit: 0,
      unit: 'queries',
    },
  ];
}
