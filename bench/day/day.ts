// `npm run bench:day`: simulates a household's day with and without stale answers and prefetching.
import process from 'node:process';
import { parseArgs } from 'node:util';
import { createProgress, say } from '../progress.ts';
import { formatDay, toRows } from './day-report.ts';
import { runDay } from './day-run.ts';
import { DAY_MS, FIRST_HOUR } from './household.ts';
import type { ResolverMode } from './household-resolver.ts';

/** The first is the baseline, the last the default. */
const MODES: readonly ResolverMode[] = [
  { label: 'cache only', maxStaleMs: 0, prefetch: false },
  { label: 'stale', maxStaleMs: DAY_MS, prefetch: false },
  { label: 'prefetch', maxStaleMs: 0, prefetch: true },
  { label: 'stale and prefetch', maxStaleMs: DAY_MS, prefetch: true },
];

const HOUSEHOLDS = 3;

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    hours: { type: 'string', default: '24' },
  },
});
const seed = Number(values.seed);
const hours = Number(values.hours);
if (!Number.isSafeInteger(seed) || !(hours > 0 && hours <= 24)) {
  process.stderr.write('--seed takes a whole number, --hours a number above 0 and up to 24\n');
  process.exit(2);
}

say(`A day of ${HOUSEHOLDS} households, ${hours} h from ${FIRST_HOUR} o'clock, seed ${seed}, in ${MODES.length} modes`);
const rows = toRows(await runDay({ modes: MODES, seed, households: HOUSEHOLDS, hours, onProgress: createProgress() }));
process.stdout.write(
  values.json
    ? `${JSON.stringify({ seed, households: HOUSEHOLDS, hours, modes: rows }, null, 2)}\n`
    : `${formatDay(rows)}\n`,
);
