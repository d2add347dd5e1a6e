// `npm run bench:neighbours`: what a client gets over TCP and UDP while neighbours take up what they can, from dns4tor and from unbound.
import process from 'node:process';
import { parseArgs } from 'node:util';
import { runInNamespace } from '../../protocol/namespaced.ts';
import { describeMachine } from './cores.ts';
import { formatNeighbours, type NeighboursRow } from './neighbours-report.ts';

const TIMEOUT_MS = 180_000;

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
});
const machine = describeMachine();
// It writes what it does next to stderr, which is shown only where it fails.
const output = await runInNamespace(
  new URL('neighbours-run.ts', import.meta.url),
  values.quick ? ['--quick'] : [],
  TIMEOUT_MS,
);
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what neighbours-run.ts writes
const rows = JSON.parse(output) as readonly NeighboursRow[];
process.stdout.write(
  values.json
    ? `${JSON.stringify({ machine, rows }, null, 2)}\n`
    : [
        'A client asks over TCP, each time on a new connection, and over UDP meanwhile, while neighbours do as the first column says.',
        'dns4tor with its defaults (150 TCP connections, 20 of one client); unbound with its default of 10 TCP connections, and with 150.',
        `Times in ms, of what was answered within four seconds. ${machine}.`,
        '',
        formatNeighbours(rows),
        '',
      ].join('\n'),
);
