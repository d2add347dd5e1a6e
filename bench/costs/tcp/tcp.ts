// `npm run bench:tcp`: how many queries over TCP are answered, and what UDP clients get meanwhile.
import process from 'node:process';
import { parseArgs } from 'node:util';
import { say } from '../../progress.ts';
import { describeMachine } from '../cores.ts';
import { CLIENTS } from '../dnsperf.ts';
import { formatTargets, toJson } from '../target.ts';
import { formatTcp, tcpTargetsOf } from './tcp-report.ts';
import { runTcp, type TcpOptions } from './tcp-run.ts';

const FULL: Omit<TcpOptions, 'onStep'> = {
  names: 1000,
  tcpQueriesPerSecond: 20_000,
  udpQueriesPerSecond: 1000,
  seconds: 5,
};
/** For a test that everything runs, not for figures. */
const QUICK: Omit<TcpOptions, 'onStep'> = {
  names: 100,
  tcpQueriesPerSecond: 1000,
  udpQueriesPerSecond: 100,
  seconds: 0.5,
};

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
});
const machine = describeMachine();
const options = values.quick ? QUICK : FULL;
const run = await runTcp({ ...options, onStep: say });
const targets = tcpTargetsOf(run, options.tcpQueriesPerSecond);
process.stdout.write(
  values.json
    ? `${JSON.stringify({ machine, ...options, ...run, targets: targets.map(toJson) }, null, 2)}\n`
    : [
        `${options.tcpQueriesPerSecond} pipelined queries a second on ${CLIENTS} connections for ${options.seconds} s,`,
        `and ${options.udpQueriesPerSecond} over UDP at the same time, all answered from the cache.`,
        `Two dnsperf processes share a core. ${machine}.`,
        '',
        formatTcp(run),
        '',
        formatTargets(targets),
        '',
      ].join('\n'),
);
