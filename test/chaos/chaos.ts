// `npm run chaos`: shows what clients get under constant load while parts of a private Tor network are killed and
// stopped.
import process from 'node:process';
import { parseArgs } from 'node:util';
import { systemClock } from '../../src/lib/clock.ts';
import { startLaboratory } from '../e2e/laboratory.ts';
import { QUERIES_PER_SECOND } from './load.ts';
import { type ChaosRow, formatTable, toRow } from './report.ts';
import { runScenario } from './run-scenario.ts';
import { type FaultTimes, SCENARIOS } from './scenarios.ts';

const TIMES: FaultTimes = { killMs: 10_000, stopMs: 30_000, rotateMs: 40_000 };

const HELP = `npm run chaos -- [--only <scenario>]… [--json]

  --only  runs this scenario alone; may be given several times: ${SCENARIOS.map(({ name }) => name).join(', ')}
  --json  prints figures by the second instead of a table, with the log of dns4tor
`;

process.exitCode = await main();

/** Resolves to the exit code: 1 for a broken promise, 2 for invalid arguments. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const scenarios = values.only?.map((only) => SCENARIOS.find(({ name }) => name === only)) ?? SCENARIOS;
  if (!scenarios.every((scenario) => scenario !== undefined)) {
    process.stderr.write(HELP);
    return 2;
  }

  say('starting a Tor network, an onion service, a resolver and an authoritative server');
  await using laboratory = await startLaboratory({ originalTtls: true });
  const rows: (ChaosRow & { readonly log: string })[] = [];
  for (const scenario of scenarios) {
    say(`${scenario.name}: starting dns4tor and ${QUERIES_PER_SECOND} queries a second`);
    const seen = await runScenario(laboratory, scenario, TIMES, (step) => say(`${scenario.name}: ${step}`));
    rows.push({ ...toRow(seen), log: seen.log });
  }

  process.stdout.write(values.json ? `${JSON.stringify(rows, null, 2)}\n` : `${formatTable(rows)}\n`);
  const broken = rows.flatMap((row) => row.broken);
  for (const sentence of broken) say(`NOT KEPT: ${sentence}`);
  return broken.length === 0 ? 0 : 1;
}

function say(step: string): void {
  process.stderr.write(`${(systemClock.now() / 1000).toFixed(1).padStart(6)} s  ${step}\n`);
}
