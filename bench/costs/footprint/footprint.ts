// `npm run bench:footprint`: start time of dns4tor, and its memory idle and with a large cache.
import process from 'node:process';
import { parseArgs } from 'node:util';
import { say } from '../../progress.ts';
import { describeMachine } from '../cores.ts';
import { formatTargets, toJson } from '../target.ts';
import { formatFootprint, targetsOf } from './footprint-report.ts';
import { measureFootprint } from './footprint-run.ts';

const FULL = { starts: 7, entries: 100_000, restMs: 5000 };
/** For a test that everything runs, not for figures. */
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
