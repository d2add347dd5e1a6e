// `npm run bench`: what an answer from the cache costs, beside unbound, dnsmasq, dnsdist and an echo, in one run.
import process from 'node:process';
import { parseArgs } from 'node:util';
import { say } from '../../progress.ts';
import { describeMachine } from '../cores.ts';
import { formatHits, targetsOf, toRows } from './hits-report.ts';
import { type HitsOptions, runHits } from './hits-run.ts';
import { formatTargets, toJson } from '../target.ts';

const FULL: Omit<HitsOptions, 'onStep'> = { names: 1000, rounds: 3, warmUpSeconds: 2, seconds: 5 };
/** Whether everything runs, not how fast it is. */
const QUICK: Omit<HitsOptions, 'onStep'> = { names: 100, rounds: 1, warmUpSeconds: 0.1, seconds: 0.2 };

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
});
const machine = describeMachine();
const options = values.quick ? QUICK : FULL;
const rows = toRows(await runHits({ ...options, onStep: say }));
const targets = targetsOf(rows);
process.stdout.write(
  values.json
    ? `${JSON.stringify({ machine, ...options, rows, targets: targets.map(toJson) }, null, 2)}\n`
    : [
        `${options.names} names in every cache, asked over UDP for ${options.seconds} s by dnsperf on a core of its own;`,
        `medians of ${options.rounds} rounds, lost in all of them. ${machine}.`,
        'Times are dnsperf’s and hold what its own core made answers wait, alike for all. A server with time left of its core at',
        'saturation could have answered more than dnsperf asks: compare CPU per answer.',
        '',
        formatHits(rows),
        '',
        formatTargets(targets),
        '',
      ].join('\n'),
);
