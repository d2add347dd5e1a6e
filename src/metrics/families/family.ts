import type { CounterTable, Labels } from '../counter-table.ts';
import type { Histogram } from '../histogram.ts';

/** One value of one series, as it is scraped. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
  /** Appended to the family's name for the series of a histogram. */
  readonly suffix?: '_bucket' | '_sum' | '_count';
}

/** All series of one metric name. */
export interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Unit of the value, in the plural, for docs/metrics.md. */
  readonly unit: string;
  /** For each label its possible values, or a description of them if there are many. */
  readonly labels: Readonly<Record<string, readonly string[] | string>>;
  /** One sentence for people, exported as HELP. */
  readonly help: string;
  /** Reads the current values. Called for each scrape. */
  samples(): Sample[];
}

/** Every counter of a small table, so that the first event shows as an increase from 0 instead of a new series. */
export function all(table: CounterTable, shared: Labels = {}): Sample[] {
  return table.entries().map(({ labels, count }) => ({ labels: { ...shared, ...labels }, value: count }));
}

/** The non-zero counters of a large table: most combinations of its labels never occur. */
export function active(table: CounterTable, shared: Labels = {}): Sample[] {
  return all(table, shared).filter(({ value }) => value > 0);
}

/** The sum of all counters of a table. */
export function sum(table: CounterTable): number {
  return table.entries().reduce((total, { count }) => total + count, 0);
}

/** The series of a histogram. */
export function distribution(histogram: Histogram, labels: Labels): Sample[] {
  const cumulative = histogram.cumulative();
  const bounds = [...histogram.bounds.map(String), '+Inf'];
  return [
    ...bounds.map(
      (le, bucket): Sample => ({ suffix: '_bucket', labels: { ...labels, le }, value: cumulative[bucket]! }),
    ),
    { suffix: '_sum', labels, value: histogram.sum },
    { suffix: '_count', labels, value: cumulative.at(-1)! },
  ];
}

/** A single series without labels. */
export function single(value: number): Sample[] {
  return [{ labels: {}, value }];
}
