import type { CounterTable, Labels } from '../counter-table.ts';
import type { Histogram } from '../histogram.ts';

/** One number as it stands at the moment of a scrape. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
  /** What a histogram's series append to the family's name. */
  readonly suffix?: '_bucket' | '_sum' | '_count';
}

/** All series of one name. */
export interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** What the value counts or measures, in the plural. */
  readonly unit: string;
  /** All the values that each label can have, or what they are where they are many. */
  readonly labels: Readonly<Record<string, readonly string[] | string>>;
  readonly help: string;
  /** Reads the counters; called for each scrape. */
  samples(): Sample[];
}

/** Every counter of a small table, so that a first event shows as an increase from 0 and not as a new series. */
export function all(table: CounterTable, shared: Labels = {}): Sample[] {
  return table.entries().map(({ labels, count }) => ({ labels: { ...shared, ...labels }, value: count }));
}

/** Only what has happened: the product of the labels is large, and most of it never does. */
export function active(table: CounterTable, shared: Labels = {}): Sample[] {
  return all(table, shared).filter(({ value }) => value > 0);
}

export function sum(table: CounterTable): number {
  return table.entries().reduce((total, { count }) => total + count, 0);
}

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

/** One series without labels. */
export function single(value: number): Sample[] {
  return [{ labels: {}, value }];
}
