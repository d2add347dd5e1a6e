import process from 'node:process';
import type { Command } from 'commander';
import { readStatus, type StatusAddress, watchStatus } from '../../client/status-feed.ts';
import type { MetricsAddress } from '../../config/config.ts';
import { loadSettings } from '../../config/load.ts';
import { validate } from '../../config/validate.ts';
import { expandAddresses } from '../../daemon/listen.ts';
import { delay, systemClock } from '../../lib/clock.ts';
import { toDns4torError } from '../../failures/errors.ts';
import { printableJson } from '../../log/printable.ts';
import type { StatusSnapshot } from '../../status/snapshot.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { addFlags } from '../flags.ts';
import { fitted } from '../help.ts';
import { Screen } from '../output/screen.ts';
import { renderStatus, renderTrouble } from '../output/status-text.ts';
import { styleFor, takesCommands } from '../output/style.ts';

const NOTES = `
On a terminal it follows what happens, until q or Ctrl-C; elsewhere (TERM=dumb included), and with --once, it shows how
everything stands and ends. NO_COLOR is respected. It reads what the running dns4tor serves beside its metrics, so
--metrics, or the file of --config, must say where that is; without a port, 9053 is tried, where the units of systemd
have it.

With --once and --json, and where it shows it once anyway, the exit status is 0 while names are resolved (working,
degraded), 1 while they are not (starting, failing) or nothing answers there. It is 0 after q or Ctrl-C, however things
stand, and 2 where the command line is wrong.

Examples:
  dns4tor status                               of the service that systemd runs
  dns4tor status --metrics localhost:40523     of another, whose log says where it serves metrics
  dns4tor status --metrics unix:/run/dns4tor/metrics
                                               of one that serves them on a unix socket
  dns4tor status --json | jq -r .sentence      for programs: one JSON object
`;

/** Where the units have it. What dns4tor takes if nothing is said, a free port, cannot be known. */
const USUAL_PORT = 9053;
/** On what is no terminal, lines may be as long as the text is good to read. */
const PLAIN_COLUMNS = 100;
const RETRY_MS = 1000;
const FOOTER = 'q or Ctrl-C ends';

interface Flags {
  readonly once?: boolean;
  readonly json?: boolean;
}

/** Adds `status`, which shows how a running dns4tor stands. */
export function addStatus(program: Command): void {
  const command = program
    .command('status')
    .summary('show how the running dns4tor stands')
    .description('Shows whether names are resolved, how fast, and why not.')
    .helpOption('-h, --help', 'print this help and exit')
    .optionsGroup('Output:')
    .option('--once', 'show it once, on a terminal too')
    .option('--json', 'print one JSON object, as /api/status has it')
    .addHelpText('after', fitted(NOTES));
  const flags = addFlags(command, ['metrics', 'config'], { metrics: 'where dns4tor serves its metrics' });
  command.action(async ({ once, json }: Flags) => {
    const { metrics } = validate(loadSettings({ flags, env: process.env }));
    const place = placeOf(metrics);
    if (takesCommands(process.stdout, process.env) && once !== true && json !== true) {
      process.exitCode = await follow(place);
      return;
    }
    const snapshot = await readStatus(place, systemClock);
    process.stdout.write(json === true ? `${printableJson(snapshot)}\n` : renderOnce(snapshot));
    process.exitCode = exitCodeOf(snapshot);
  });
}

function placeOf(metrics: MetricsAddress): StatusAddress {
  if (metrics.kind === 'unix') return { path: metrics.path };
  const [address = metrics.host] = expandAddresses([metrics.host]);
  return { address, port: metrics.port === 0 ? USUAL_PORT : metrics.port };
}

function renderOnce(snapshot: StatusSnapshot): string {
  const width = process.stdout.isTTY ? process.stdout.columns : PLAIN_COLUMNS;
  return `${renderStatus(snapshot, { width, style: styleFor(process.stdout, process.env) })
    .join('\n')
    .trimEnd()}\n`;
}

/** Whether names are resolved. */
function exitCodeOf({ state }: StatusSnapshot): number {
  return state === 'working' || state === 'degraded' ? EXIT_CODES.ok : EXIT_CODES.failure;
}

/** Until its user has enough. A dns4tor that ends, or is not there yet, is waited for. */
async function follow(place: StatusAddress): Promise<number> {
  using screen = new Screen(process);
  const style = styleFor(process.stdout, process.env);
  while (!screen.signal.aborted) {
    try {
      for await (const snapshot of watchStatus(place, systemClock, screen.signal)) {
        screen.draw(renderStatus(snapshot, { width: screen.columns, style }), style('dim', FOOTER));
      }
    } catch (error) {
      const { message } = toDns4torError(error);
      screen.draw(renderTrouble(message, { width: screen.columns, style }), style('dim', `Trying again; ${FOOTER}`));
    }
    await delay(systemClock, RETRY_MS, screen.signal);
  }
  return screen.exitCode;
}
