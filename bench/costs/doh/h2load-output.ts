import { percentile } from '../../latencies.ts';

/** The results of one run of h2load. */
export interface H2loadResult {
  readonly requests: number;
  /** Requests that were answered completely with a status of 2xx. */
  readonly succeeded: number;
  /** Octets of all response bodies. */
  readonly bodyBytes: number;
  readonly answersPerSecond: number;
  /** Of the connections: `h2` or `http/1.1`. */
  readonly protocol: string;
}

/**
 * Parses the output of h2load.
 * @throws Error if a figure is missing
 */
export function parseH2load(output: string): H2loadResult {
  const find = (what: string, pattern: RegExp): string => {
    const [, text] = pattern.exec(output) ?? [];
    if (text === undefined) throw new Error(`h2load does not say "${what}":\n${output.slice(-1000)}`);
    return text;
  };
  const number = (what: string, pattern: RegExp): number => Number(find(what, pattern));
  return {
    requests: number('requests', /^requests: (\d+) total/m),
    // A status of 3xx counts as a success, too.
    succeeded: Math.min(
      number('succeeded', /^requests: .* (\d+) succeeded/m),
      number('status codes', /^status codes: (\d+) 2xx/m),
    ),
    bodyBytes: number('traffic', /^traffic: .*\((\d+)\) data$/m),
    answersPerSecond: number('finished', /^finished in \S+, (\d+\.\d+) req\/s/m),
    protocol: find('Application protocol', /^Application protocol: (\S+)$/m),
  };
}

/** Quantiles of response times; NaN without answers. */
export interface ResponseTimes {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Parses the file that `h2load --log-file` writes: for each request its start, its status and its microseconds. */
export function parseRequestLog(log: string): ResponseTimes {
  const sortedMs = Float64Array.from(
    log.matchAll(/^\d+\t2\d\d\t(\d+)$/gm),
    ([, microseconds]) => Number(microseconds) / 1000,
  ).toSorted();
  if (sortedMs.length === 0) return { p50Ms: Number.NaN, p99Ms: Number.NaN };
  return { p50Ms: percentile(sortedMs, 0.5), p99Ms: percentile(sortedMs, 0.99) };
}
