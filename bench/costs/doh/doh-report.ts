import { median } from '../../latencies.ts';
import { formatColumns, formatShare } from '../../table.ts';
import type { Target } from '../target.ts';
import { type DohFigures, type EncryptedLoad, type IdleMemory, LOADS } from './doh-run.ts';
import { FLOOR_OF, OURS } from './encrypted-servers.ts';

/** One server under one load: the median of each figure over all rounds. */
export type DohRow = Omit<DohFigures, 'round'>;

/** How many times the CPU time of another server dns4tor takes for an answer. */
export interface CpuRatio {
  readonly load: string;
  readonly server: string;
  /** The median of the ratios in each round. */
  readonly ratio: number;
}

/** Upper limit of dns4tor's CPU time for a cached answer over HTTP/2, as a multiple of what node:http2 alone takes. */
const LIMIT = 1.5;

const HEADINGS: readonly string[] = ['answers/s', 'CPU µs/answer', 'of a core', 'p50 ms', 'p99 ms', 'RSS MiB'];

/** Grouped by load, in the order of the first round. */
export function toRows(results: readonly DohFigures[]): DohRow[] {
  return LOADS.flatMap(({ label: load }) =>
    serversAt(results, load).map((server) => {
      const rounds = results.filter((result) => result.server === server && result.load === load);
      const middle = (figure: (round: DohFigures) => number): number => median(rounds.map(figure));
      return {
        server,
        load,
        answersPerSecond: middle((round) => round.answersPerSecond),
        cpuMicros: middle((round) => round.cpuMicros),
        cpuShare: middle((round) => round.cpuShare),
        p50Ms: middle((round) => round.p50Ms),
        p99Ms: middle((round) => round.p99Ms),
        residentBytes: middle((round) => round.residentBytes),
      };
    }),
  );
}

/** Compares dns4tor with each other server in the same round, so that what slows a whole round down does not count. */
export function ratiosOf(results: readonly DohFigures[]): CpuRatio[] {
  const cpuOf = (server: string, load: string, round: number): number =>
    results.find((result) => result.server === server && result.load === load && result.round === round)?.cpuMicros ??
    Number.NaN;
  const rounds = [...new Set(results.map(({ round }) => round))];
  return LOADS.flatMap(({ label: load }) =>
    serversAt(results, load)
      .filter((server) => server !== OURS)
      .map((server) => ({
        load,
        server,
        ratio: median(rounds.map((round) => cpuOf(OURS, load, round) / cpuOf(server, load, round))),
      })),
  );
}

function serversAt(results: readonly DohFigures[], load: string): string[] {
  return [...new Set(results.filter((result) => result.load === load).map(({ server }) => server))];
}

/** A table for a terminal, with a section for each load. */
export function formatDoh(rows: readonly DohRow[]): string {
  const lines = LOADS.flatMap((load) => [
    [load.label, ...HEADINGS],
    ...rows.filter((row) => row.load === load.label).map((row) => [`  ${row.server}`, ...figuresOf(row, load)]),
  ]);
  return formatColumns(lines);
}

function figuresOf(row: DohRow, { kind }: EncryptedLoad): string[] {
  const times = kind === 'rate' ? [row.p50Ms.toFixed(3), row.p99Ms.toFixed(3)] : ['', ''];
  return [
    // The generator waits between connections, so the rate at which they come says nothing about the server.
    kind === 'cold' ? '' : row.answersPerSecond.toFixed(0),
    row.cpuMicros.toFixed(kind === 'cold' ? 0 : 1),
    kind === 'cold' ? '' : formatShare(row.cpuShare),
    ...times,
    (row.residentBytes / 2 ** 20).toFixed(0),
  ];
}

/** A table of dns4tor's CPU time over that of each other server, with a line for each load. */
export function formatRatios(ratios: readonly CpuRatio[]): string {
  const lines = LOADS.map(({ label, protocol }) =>
    [label].concat(
      [FLOOR_OF[protocol], 'dnsdist', 'unbound'].map(
        (server) => ratios.find((ratio) => ratio.load === label && ratio.server === server)?.ratio.toFixed(2) ?? '',
      ),
    ),
  );
  return formatColumns([['CPU of dns4tor over that of', 'Node alone', 'dnsdist', 'unbound'], ...lines]);
}

/** A table of the memory of idle connections. */
export function formatIdle(idle: readonly IdleMemory[]): string {
  return formatColumns([
    ['an idle connection', 'KiB'],
    ...idle.map(({ server, protocol, bytesPerConnection }) => [
      `  ${protocol}: ${server}`,
      (bytesPerConnection / 2 ** 10).toFixed(0),
    ]),
  ]);
}

/** The limits for answers over HTTP/2 at saturation. */
export function targetsOf(ratios: readonly CpuRatio[]): Target[] {
  return LOADS.filter(({ protocol, kind }) => protocol === 'HTTP/2' && kind === 'saturation').map(
    ({ label, protocol }) => {
      const floor = FLOOR_OF[protocol];
      const found = ratios.find(({ load, server }) => load === label && server === floor);
      return { what: `${label}: CPU per answer over ${floor}`, value: found?.ratio ?? Number.NaN, limit: LIMIT };
    },
  );
}
