// `npm run bench:neighbours`: compares how dns4tor and unbound serve one client while its neighbours exhaust the
// server's connections and queries in flight.
import process from 'node:process';
import { parseArgs } from 'node:util';
import { runInNamespace } from '../../../test/protocol/namespaced.ts';
import { describeMachine } from '../cores.ts';
import { formatNeighbours, type NeighboursRow } from './neighbours-report.ts';

const TIMEOUT_MS = 180_000;

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
});
const machine = describeMachine();
// The script reports its progress on stderr, which is shown only if it fails.
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
        'One client sends queries over UDP, and over TCP with a new connection for each.',
        'Meanwhile its neighbours act as the first column says.',
        'dns4tor: default limits (150 TCP connections, 20 per client). unbound: 10 TCP connections (default), and 150.',
        `Times in ms, over the queries answered within four seconds. ${machine}.`,
        '',
        formatNeighbours(rows),
        '',
      ].join('\n'),
);
