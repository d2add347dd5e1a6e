// `npm run bench:lists`: memory and load time of a block list with a million names, and what it adds to answers.
import process from 'node:process';
import { parseArgs } from 'node:util';
import { say } from '../../progress.ts';
import { describeMachine } from '../cores.ts';
import { formatTargets, toJson } from '../target.ts';
import { formatLists, targetsOf } from './lists-report.ts';
import { measureLists } from './lists-run.ts';

const FULL = { names: 1_000_000, calls: 500_000, pairs: 21 };
/** For a test that everything runs, not for figures. */
const QUICK = { names: 1000, calls: 1000, pairs: 1 };

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
});
const machine = describeMachine();
const costs = await measureLists({ ...(values.quick ? QUICK : FULL), onStep: say });
const targets = targetsOf(costs);
process.stdout.write(
  values.json
    ? `${JSON.stringify({ machine, ...costs, targets: targets.map(toJson) }, null, 2)}\n`
    : `${machine}.\n\n${formatLists(costs)}\n\n${formatTargets(targets)}\n`,
);
