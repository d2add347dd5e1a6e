// `npm run bench:miss`: the cost of a query that goes to the resolver, compared with TLS and HTTP/2 alone.
import process from 'node:process';
import { parseArgs } from 'node:util';
import { say } from '../../progress.ts';
import { describeMachine } from '../cores.ts';
import { formatTargets, toJson } from '../target.ts';
import { formatMisses, targetsOf, toRows } from './miss-report.ts';
import { type MissOptions, runMisses } from './miss-run.ts';

const FULL: Omit<MissOptions, 'onStep'> = { warmUpQueries: 20_000, queriesPerSecond: 500, seconds: 6, rounds: 3 };
/** For a test that everything runs, not for figures. */
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
        `${options.queriesPerSecond} new names a second for ${options.seconds} s, from a DoH server through a SOCKS proxy`,
        `in another process. Medians of ${options.rounds} rounds. ${machine}.`,
        '',
        formatMisses(rows),
        '',
        formatTargets(targets),
        '',
      ].join('\n'),
);
