import process from 'node:process';
import type { Command } from 'commander';
import { readJournal } from '../../system/transaction/journal.ts';
import { pause } from '../../system/pause.ts';
import { settle } from '../../system/settle.ts';
import { countDown } from '../output/countdown.ts';
import { fitted } from '../help.ts';
import { toDuration } from './system-options.ts';
import { requireRoot, thisMachine } from './this-machine.ts';

const NOTES = `
For networks that let you in only after a page of theirs (captive portals), which their own resolver leads to. During
the pause names go to that network in the clear. It ends by itself, also if this terminal is closed; where systemd
runs, also if the machine is restarted. Ctrl-C, or \`sudo dns4tor install\`, ends it early.

Example:
  sudo dns4tor pause 10m
`;

/** Adds `pause`. */
export function addPause(program: Command): void {
  program
    .command('pause')
    .summary("give names back to the network's own resolver for a time")
    .description("Gives names back to the network's own resolver for a time, and then takes them again.")
    .argument('<duration>', 'from 10s to 1d, as in 10m', toDuration)
    .helpOption('-h, --help', 'print this help and exit')
    .addHelpText('after', fitted(NOTES))
    .action(async (durationMs: number) => {
      requireRoot('pause');
      const machine = thisMachine();
      const { untilEpochMs = 0 } = await pause(machine, durationMs);
      process.stdout.write(
        `Names go to the network in the clear until ${new Date(untilEpochMs).toLocaleTimeString()}.\n`,
      );
      const end = await countDown(machine, untilEpochMs, 'of the pause left; Ctrl-C ends it now');
      // The pause is over, even if the wall clock was set back meanwhile.
      const settled = end === 'changed' ? 'nothing' : await settle(machine, true);
      const phase = (await readJournal(machine.fs))?.phase;
      if (settled === 'resumed-unchecked') process.stderr.write(`${UNANSWERED}\n`);
      process.stdout.write(phase === 'installed' ? `${RESUMED}\n` : 'Another command has taken over.\n');
    });
}

const RESUMED = 'The pause is over: names are resolved by way of dns4tor.';
const UNANSWERED = 'dns4tor: names are not answered yet; is Tor connected on this network?';

/** Adds `settle`, which is for the timer that `pause` and `install --confirm-within` set, and so not listed. */
export function addSettle(program: Command): void {
  program
    .command('settle', { hidden: true })
    .description(
      'Ends a pause, or takes back what nobody has confirmed, when its time is up. For the timer that they set.',
    )
    .helpOption('-h, --help', 'print this help and exit')
    .action(async () => {
      requireRoot('settle');
      const settled = await settle(thisMachine(), false);
      process.stdout.write(`dns4tor settle: ${settled}\n`);
      if (settled === 'resumed-unchecked') process.stderr.write(`${UNANSWERED}\n`);
    });
}
