// `npm run bench:doh`: the cost of a cached answer over DoH and DoT, compared with Node alone, dnsdist and unbound.
import process from 'node:process';
import { parseArgs } from 'node:util';
import { say } from '../../progress.ts';
import { describeMachine } from '../cores.ts';
import { formatTargets, toJson } from '../target.ts';
import { formatDoh, formatIdle, formatRatios, ratiosOf, targetsOf, toRows } from './doh-report.ts';
import { type DohOptions, runDoh } from './doh-run.ts';

const FULL: Omit<DohOptions, 'onStep'> = {
  names: 1000,
  rounds: 5,
  queries: { warmUp: 30_000, saturation: 30_000, rate: 4000, cold: 300 },
  idleConnections: 500,
};
/** For a test that everything runs, not for figures. */
const QUICK: Omit<DohOptions, 'onStep'> = {
  names: 50,
  rounds: 1,
  queries: { warmUp: 50, saturation: 200, rate: 200, cold: 10 },
  idleConnections: 10,
};

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
});
const machine = describeMachine();
const options = values.quick ? QUICK : FULL;
const { figures, idle } = await runDoh({ ...options, onStep: say });
const rows = toRows(figures);
const ratios = ratiosOf(figures);
const targets = targetsOf(ratios);
process.stdout.write(
  values.json
    ? `${JSON.stringify({ machine, ...options, rows, ratios, idle, targets: targets.map(toJson) }, null, 2)}\n`
    : [
        `h2load (DoH) and dnsperf (DoT), on another core, look up ${options.names} cached names; POST always the same`,
        `one. TLS 1.3, ${options.queries.saturation} queries on ten connections with ten in flight on each, unless`,
        `the line says otherwise. Medians of ${options.rounds} rounds, in which servers take turns. ${machine}.`,
        '"Node alone" answers each request with the same headers and as many bytes, without reading the query.',
        '',
        formatDoh(rows),
        '',
        formatRatios(ratios),
        '',
        formatIdle(idle),
        '',
        formatTargets(targets),
        '',
      ].join('\n'),
);
