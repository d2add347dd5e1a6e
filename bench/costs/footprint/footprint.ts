// `npm run bench:footprint`: how soon dns4tor takes queries, and what memory it takes, idle and with a large cache.
import process from 'node:process';
import { parseArgs } from 'node:util';
import { say } from '../../progress.ts';
import { describeMachine } from '../cores.ts';
import { formatFootprint, targetsOf } from './footprint-report.ts';
import { measureFootprint } from './footprint-run.ts';
import { formatTargets, toJson } from '../target.ts';

const FULL = { starts: 7, entries: 100_000, restMs: 5000 };
/** Whether everything runs, not how fast or large it is. */
const QUICK = { starts: 1, entries: 400, restMs: 0 };

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
});
const machine = describeMachine();
const footprint = await measureFootprint({ ...(values.quick ? QUICK : FULL), onStep: say });
const targets = targetsOf(footprint);
process.stdout.write(
  values.json
    ? `${JSON.stringify({ machine, ...footprint, targets: targets.map(toJson) }, null, 2)}\n`
    : `${machine}.\n\n${formatFootprint(footprint)}\n\n${formatTargets(targets)}\n`,
);
