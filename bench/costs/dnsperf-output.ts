import { percentile } from '../latencies.ts';

/** What dnsperf says of one run. */
export interface DnsperfResult {
  readonly sent: number;
  readonly completed: number;
  readonly lost: number;
  /** How many answers had each RCODE. */
  readonly rcodes: Readonly<Record<string, number>>;
  readonly answersPerSecond: number;
  /** From sending to receiving; NaN where there was no answer. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/**
 * Reads what `dnsperf -v` wrote: a line for each query that says how long its answer took, since dnsperf 2.10 has no percentiles itself, and
 * the statistics.
 * @throws Error where the statistics are not there
 */
export function parseDnsperf(output: string): DnsperfResult {
  const statistic = (name: string): number => {
    const [, text] = new RegExp(`^  ${name}: +([\\d.]+)`, 'm').exec(output) ?? [];
    if (text === undefined) throw new Error(`dnsperf does not say "${name}":\n${output.slice(-1000)}`);
    return Number(text);
  };
  const sortedMs = Float64Array.from(
    // A query without an answer has no time at the end of its line.
    Array.from(output.matchAll(/^> \S+ \S+ \S+ (\d+\.\d+)$/gm), ([, seconds]) => Number(seconds) * 1000),
  ).toSorted();
  const [, codes = ''] = /^ {2}Response codes: +(.*)$/m.exec(output) ?? [];
  return {
    sent: statistic('Queries sent'),
    completed: statistic('Queries completed'),
    lost: statistic('Queries lost'),
    rcodes: Object.fromEntries(
      Array.from(codes.matchAll(/([A-Z]+) (\d+)/g), ([, code, count]) => [code, Number(count)]),
    ),
    answersPerSecond: statistic('Queries per second'),
    p50Ms: sortedMs.length === 0 ? Number.NaN : percentile(sortedMs, 0.5),
    p99Ms: sortedMs.length === 0 ? Number.NaN : percentile(sortedMs, 0.99),
  };
}
