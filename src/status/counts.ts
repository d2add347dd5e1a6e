import type { CounterTable } from '../metrics/counter-table.ts';
import type { Totals } from '../metrics/counters.ts';
import type { Transport } from '../model/query.ts';
import type { AnswerCounts } from './snapshot.ts';

/** How often a reason occurred; see ErrorSnapshot. */
interface ErrorCounts {
  readonly answers: number;
  readonly exchanges: number;
  readonly connections: number;
}

/** Counts up to a moment, or of a period. */
export interface Counts {
  readonly answers: AnswerCounts;
  /** Answers by response time: a cumulative count for each bound of the histogram, then the number of all answers. */
  readonly latency: readonly number[];
  /** By reason. Reasons that did not occur are absent. */
  readonly errors: ReadonlyMap<string, ErrorCounts>;
}

const NO_ERRORS: ErrorCounts = { answers: 0, exchanges: 0, connections: 0 };

/** Reads the metrics. Allocates, so it is meant for once a minute, and once a second while somebody watches. */
export function readCounts({ responses, stale, querySeconds, failures, exchanges, connects }: Totals): Counts {
  const staleCount = count(stale, () => true);
  const from = (plugin: string): number =>
    count(responses, (labels) => labels['plugin'] === plugin && labels['rcode'] !== 'SERVFAIL');
  const errors = new Map<string, ErrorCounts>();
  const note = (table: CounterTable, label: string, kind: keyof ErrorCounts): void => {
    for (const { labels, count: times } of table.entries()) {
      const reason = labels[label];
      if (times === 0 || reason === undefined || reason === 'ok') continue;
      const before = errors.get(reason) ?? NO_ERRORS;
      errors.set(reason, { ...before, [kind]: before[kind] + times });
    }
  };
  note(failures, 'reason', 'answers');
  note(exchanges, 'outcome', 'exchanges');
  note(connects, 'outcome', 'connections');
  return {
    answers: {
      // Stale answers are also counted as answers from the cache.
      cache: from('cache') - staleCount,
      upstream: from('upstream'),
      stale: staleCount,
      failed: count(responses, ({ rcode }) => rcode === 'SERVFAIL'),
      local: from('policy'),
    },
    latency: querySeconds.cumulative(),
    errors,
  };
}

/** Answered queries since the start, by transport. */
export function queriesByTransport({ queryBytes }: Pick<Totals, 'queryBytes'>): Readonly<Record<Transport, number>> {
  const countOf = (transport: Transport): number => queryBytes[transport].cumulative().at(-1) ?? 0;
  return { udp: countOf('udp'), tcp: countOf('tcp'), dot: countOf('dot'), doh: countOf('doh') };
}

/** The counts between two moments. */
export function subtract(later: Counts, earlier: Counts): Counts {
  return combine(later, earlier, (a, b) => a - b);
}

/** The counts of two periods together. */
export function add(one: Counts, other: Counts): Counts {
  return combine(one, other, (a, b) => a + b);
}

function combine(one: Counts, other: Counts, operate: (a: number, b: number) => number): Counts {
  const errors = new Map<string, ErrorCounts>();
  for (const reason of new Set([...one.errors.keys(), ...other.errors.keys()])) {
    const a = one.errors.get(reason) ?? NO_ERRORS;
    const b = other.errors.get(reason) ?? NO_ERRORS;
    const result = {
      answers: operate(a.answers, b.answers),
      exchanges: operate(a.exchanges, b.exchanges),
      connections: operate(a.connections, b.connections),
    };
    if (result.answers + result.exchanges + result.connections > 0) errors.set(reason, result);
  }
  return {
    answers: {
      cache: operate(one.answers.cache, other.answers.cache),
      upstream: operate(one.answers.upstream, other.answers.upstream),
      stale: operate(one.answers.stale, other.answers.stale),
      failed: operate(one.answers.failed, other.answers.failed),
      local: operate(one.answers.local, other.answers.local),
    },
    latency: one.latency.map((value, bucket) => operate(value, other.latency[bucket]!)),
    errors,
  };
}

function count(table: CounterTable, matches: (labels: Readonly<Record<string, string>>) => boolean): number {
  return table.entries().reduce((sum, { labels, count: times }) => (matches(labels) ? sum + times : sum), 0);
}
