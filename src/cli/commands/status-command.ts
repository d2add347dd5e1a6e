import process from 'node:process';
import type { Command } from 'commander';
import { statusAddress } from '../../client/status-address.ts';
import { readStatus, type StatusAddress, watchStatus } from '../../client/status-feed.ts';
import { loadSettings } from '../../config/load.ts';
import { validateSome } from '../../config/validate.ts';
import { toDns4torError } from '../../failures/errors.ts';
import { delay, systemClock } from '../../lib/clock.ts';
import { printableJson } from '../../log/printable.ts';
import type { StatusSnapshot } from '../../status/snapshot.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { addFlags } from '../flags.ts';
import { fitted } from '../help.ts';
import { Screen } from '../output/screen.ts';
import { renderStatus, renderTrouble } from '../output/status-text.ts';
import { styleFor, takesCommands } from '../output/style.ts';
import { columnsOf } from '../output/terminal-size.ts';

const NOTES = `
On a terminal, the display is updated until you press q or Ctrl-C. With --once, or if stdout is not a terminal
(TERM=dumb included), the status is printed once. NO_COLOR is respected. The status comes from the metrics server of the
running dns4tor, at port 9053 unless --metrics or the file of --config says otherwise.

If the status is printed once, the exit status is 0 while names are resolved (working, degraded), and 1 while they are
not (starting, stuck, failing) or if nothing answers. After q or Ctrl-C it is 0, and 2 if the command line is invalid.

Examples:
  dns4tor status                               the service that systemd runs
  dns4tor status --metrics localhost:40523     another one; its log has the address of the metrics
  dns4tor status --metrics unix:/run/dns4tor/metrics
                                               one that serves its metrics on a unix socket
  dns4tor status --json | jq -r .sentence      one JSON object, for scripts
`;

/** Width of the output if stdout is not a terminal. */
const PLAIN_COLUMNS = 100;
const RETRY_MS = 1000;
const FOOTER = 'q or Ctrl-C: quit';

interface Flags {
  readonly once?: boolean;
  readonly json?: boolean;
}

/** Adds `status`, which shows the status of a running dns4tor. */
export function addStatus(program: Command): void {
  const command = program
    .command('status')
    .summary('show the status of the running dns4tor')
    .description('Shows whether names are resolved, how fast, and what fails.')
    .helpOption('-h, --help', 'print this help and exit')
    .optionsGroup('Output:')
    .option('--once', 'print the status once, even on a terminal')
    .option('--json', 'print one JSON object, the same as /api/status')
    .addHelpText('after', fitted(NOTES));
  const flags = addFlags(command, ['metrics', 'config'], { metrics: 'address of the metrics server of dns4tor' });
  command.action(async ({ once, json }: Flags) => {
    const { metrics } = validateSome(loadSettings({ flags, env: process.env }), ['metrics']);
    const place = statusAddress(metrics);
    if (takesCommands(process.stdout, process.env) && once !== true && json !== true) {
      process.exitCode = await follow(place);
      return;
    }
    const snapshot = await readStatus(place, systemClock);
    process.stdout.write(json === true ? `${printableJson(snapshot)}\n` : renderOnce(snapshot));
    process.exitCode = exitCodeOf(snapshot);
  });
}

function renderOnce(snapshot: StatusSnapshot): string {
  const width = process.stdout.isTTY ? columnsOf(process.stdout) : PLAIN_COLUMNS;
  return `${renderStatus(snapshot, { width, style: styleFor(process.stdout, process.env) })
    .join('\n')
    .trimEnd()}\n`;
}

/** Whether names are resolved. */
function exitCodeOf({ state }: StatusSnapshot): number {
  return state === 'working' || state === 'degraded' ? EXIT_CODES.ok : EXIT_CODES.failure;
}

/** Updates the display until the user quits. Retries while no dns4tor answers. */
async function follow(place: StatusAddress): Promise<number> {
  using screen = new Screen(process);
  const style = styleFor(process.stdout, process.env);
  while (!screen.signal.aborted) {
    try {
      for await (const snapshot of watchStatus(place, systemClock, screen.signal)) {
        screen.draw(renderStatus(snapshot, { width: screen.columns, style }), style('dim', FOOTER));
      }
    } catch (error) {
      const trouble = renderTrouble(toDns4torError(error), { width: screen.columns, style });
      screen.draw(trouble, style('dim', `Retrying; ${FOOTER}`));
    }
    await delay(systemClock, RETRY_MS, screen.signal);
  }
  return screen.exitCode;
}
