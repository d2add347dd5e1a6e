import { percentile } from '../latencies.ts';

/** The results of one run of dnsperf. */
export interface DnsperfResult {
  readonly sent: number;
  readonly completed: number;
  readonly lost: number;
  /** Answers by RCODE. */
  readonly rcodes: Readonly<Record<string, number>>;
  readonly answersPerSecond: number;
  /** Response time; NaN without answers. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/**
 * Parses the output of `dnsperf -v`: one line per query with its response time, then the statistics. dnsperf 2.10
 * computes no percentiles.
 * @throws Error if the statistics are missing
 */
export function parseDnsperf(output: string): DnsperfResult {
  const statistic = (name: string): number => {
    const [, text] = new RegExp(`^  ${name}: +([\\d.]+)`, 'm').exec(output) ?? [];
    if (text === undefined) throw new Error(`dnsperf does not say "${name}":\n${output.slice(-1000)}`);
    return Number(text);
  };
  const sortedMs = Float64Array.from(
    // The line of an unanswered query ends without a time.
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
