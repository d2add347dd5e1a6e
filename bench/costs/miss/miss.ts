// `npm run bench:miss`: what a query costs that goes through to the resolver, beside what TLS and HTTP/2 cost.
import process from 'node:process';
import { parseArgs } from 'node:util';
import { say } from '../../progress.ts';
import { describeMachine } from '../cores.ts';
import { formatMisses, targetsOf, toRows } from './miss-report.ts';
import { type MissOptions, runMisses } from './miss-run.ts';
import { formatTargets, toJson } from '../target.ts';

const FULL: Omit<MissOptions, 'onStep'> = { warmUpQueries: 20_000, queriesPerSecond: 500, seconds: 6, rounds: 3 };
/** Whether everything runs, not what it costs. */
const QUICK: Omit<MissOptions, 'onStep'> = { warmUpQueries: 50, queriesPerSecond: 500, seconds: 0.2, rounds: 1 };

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
});
const machine = describeMachine();
const options = values.quick ? QUICK : FULL;
const rows = toRows(await runMisses({ ...options, onStep: say }));
const targets = targetsOf(rows);
process.stdout.write(
  values.json
    ? `${JSON.stringify({ machine, ...options, rows, targets: targets.map(toJson) }, null, 2)}\n`
    : [
        `${options.queriesPerSecond} names a second for ${options.seconds} s, none asked twice, from a DoH server through a SOCKS proxy, both in`,
        `a process of their own; medians of ${options.rounds} rounds. ${machine}.`,
        '',
        formatMisses(rows),
        '',
        formatTargets(targets),
        '',
      ].join('\n'),
);
