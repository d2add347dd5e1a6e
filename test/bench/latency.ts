// `npm run bench:latency`: how long answers take over one connection and over several circuits, with the delays of a real onion.
import { writeFile } from 'node:fs/promises';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { drawCdf } from './cdf-svg.ts';
import { formatTable, labelOf, toRow } from './latency-report.ts';
import { runLatency } from './latency-run.ts';
import { createProgress, say } from './progress.ts';

const CHART = new URL('latency.svg', import.meta.url);

/**
 * The first is what every tool does, and more than most do: its connection is watched, and replaced by a new one before its end. The second is
 * the default.
 */
const MODES: readonly number[] = [1, 3, 4];
const HOUSES = 10;

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '40' },
  },
});
const seed = Number(values.seed);
const minutes = Number(values.minutes);
if (!Number.isSafeInteger(seed) || !(minutes > 0)) {
  process.stderr.write('--seed takes a whole number, --minutes a number above 0\n');
  process.exit(2);
}

say(`${HOUSES} households for ${minutes} minutes each`);
const runs = await runLatency({ modes: MODES, seed, houses: HOUSES, minutes, onProgress: createProgress() });

const rows = runs.map(toRow);
const queries = rows[0]?.queries ?? 0;
await writeFile(
  CHART,
  drawCdf({
    title: 'DNS over an onion: how long answers take',
    subtitle: `${queries} queries in each mode, delays drawn from the published ones of Cloudflare’s onion`,
    curves: runs.map(({ circuits, timesMs }) => ({
      label: labelOf(circuits),
      sortedMs: timesMs.toSorted((a, b) => a - b),
    })),
  }),
);
// JSON knows no infinity: a percentile that was never reached is null there.
process.stdout.write(
  values.json ? `${JSON.stringify({ seed, minutes, modes: rows }, null, 2)}\n` : `${formatTable(rows)}\n`,
);
say('The distributions are drawn in test/bench/latency.svg.');
