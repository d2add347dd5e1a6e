// `npm run bench`: the cost of an answer from the cache, compared with unbound, dnsmasq, dnsdist and an echo server.
import process from 'node:process';
import { parseArgs } from 'node:util';
import { say } from '../../progress.ts';
import { describeMachine } from '../cores.ts';
import { formatTargets, toJson } from '../target.ts';
import { formatHits, targetsOf, toRows } from './hits-report.ts';
import { type HitsOptions, runHits } from './hits-run.ts';

const FULL: Omit<HitsOptions, 'onStep'> = { names: 1000, rounds: 3, warmUpSeconds: 2, seconds: 5 };
/** For a test that everything runs, not for figures. */
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
        `dnsperf, on a core of its own, looks up ${options.names} cached names over UDP for ${options.seconds} s.`,
        `Medians of ${options.rounds} rounds; lost queries are summed. ${machine}.`,
        'Times include the delays of dnsperf’s own core, which are alike for all servers. A server that leaves its core',
        'idle at saturation could answer more than dnsperf sends: compare CPU per answer.',
        '',
        formatHits(rows),
        '',
        formatTargets(targets),
        '',
      ].join('\n'),
);
