// `npm run bench:latency`: response times through a simulated onion service of dns4tor, of one connection, and of a
// client that races connections as Go's net/http does.
import { writeFile } from 'node:fs/promises';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { openLaboratory } from '../laboratory.ts';
import { createProgress, say } from '../progress.ts';
import { type BestOf, bestOf } from './best-circuits.ts';
import { drawCdf } from './cdf-svg.ts';
import { type CircuitRate, formatRates, toCircuitRate } from './circuit-rates.ts';
import { DNS4TOR, ONE_CONNECTION, RACING } from './latency-clients.ts';
import { toCurve } from './latency-curve.ts';
import { LONG_REGIMES, REGIMES, type Regime } from './latency-regimes.ts';
import { formatRegime, type RegimeFigures, toRegimeFigures } from './latency-report.ts';
import { type ClientRun, runLatency } from './latency-run.ts';
import { parseSeeds } from './seed-range.ts';

const CHART = new URL('../../docs/latency.svg', import.meta.url);

/** In the order of the tables and of the chart's colours. */
const KINDS = [ONE_CONNECTION, RACING, DNS4TOR] as const;

/** Numbers of circuits for the ideal client: one, and as many as dns4tor could keep or try. */
const CHOICES: readonly number[] = [1, 3, 4, 6, 8];
const CHART_CHOICE = 6;

/** Number of seeds for the long regimes. */
const LONG_SEEDS = 3;

const USAGE = `Usage: npm run bench:latency -- [--seeds 1-10] [--regime NAME] [--drift] [--json]
Regimes: ${REGIMES.map(({ name }) => name).join(', ')}, hours (circuits built per hour). Without --regime, all of them.
`;

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    seeds: { type: 'string', default: '1-10' },
    regime: { type: 'string' },
    drift: { type: 'boolean', default: false },
  },
});
const seeds = parseSeeds(values.seeds);
const isWanted = (name: string): boolean => values.regime === undefined || values.regime === name;
const regimes = REGIMES.filter(({ name }) => isWanted(name));
if (seeds === undefined || (regimes.length === 0 && !isWanted('hours'))) {
  process.stderr.write(USAGE);
  process.exit(2);
}

await using laboratory = await openLaboratory();

async function measure(regime: Regime): Promise<RegimeFigures> {
  say(`${regime.name}: ${regime.title}`);
  const options = { regime, kinds: KINDS, seeds: seeds as number[], drifts: values.drift };
  const runs = await runLatency(laboratory, { ...options, onProgress: createProgress() });
  const best = regime.isCold ? [] : CHOICES.map((circuits) => bestOf(circuits, { ...options, ...regime }));
  if (regime.name === 'busy') await draw(regime, runs, best);
  return toRegimeFigures(regime, KINDS, runs, best);
}

async function draw({ title }: Regime, runs: readonly ClientRun[], best: readonly BestOf[]): Promise<void> {
  const known = best.find(({ circuits }) => circuits === CHART_CHOICE);
  const chart = drawCdf({
    title: 'DNS over an onion: how long answers take',
    subtitle: `${title}; delays drawn from the published ones of Cloudflare’s onion`,
    curves: KINDS.map((kind) => toCurve(kind, runs)),
    ...(known === undefined
      ? {}
      : { mark: { label: `median on the best of ${CHART_CHOICE} circuits, if known`, timeMs: known.p50 } }),
  });
  await writeFile(CHART, chart);
  say('The distributions are drawn in docs/latency.svg.');
}

/** Circuits always drift here, as real ones do. Otherwise few would need to be replaced. */
async function measureRate(regime: Regime): Promise<CircuitRate> {
  say(`${regime.name}: ${regime.title}`);
  const options = { regime, kinds: [DNS4TOR], seeds: (seeds as number[]).slice(0, LONG_SEEDS), drifts: true };
  return toCircuitRate(regime, await runLatency(laboratory, { ...options, onProgress: createProgress() }));
}

const figures: RegimeFigures[] = [];
for (const regime of regimes) figures.push(await measure(regime));
const rates: CircuitRate[] = [];
if (isWanted('hours')) for (const regime of LONG_REGIMES) rates.push(await measureRate(regime));

const tables = [...figures.map(formatRegime), ...(rates.length === 0 ? [] : [formatRates(rates)])];
process.stdout.write(
  values.json
    ? `${JSON.stringify({ seeds, drift: values.drift, regimes: figures, circuits: rates }, null, 2)}\n`
    : `${tables.join('\n\n')}\n`,
);
