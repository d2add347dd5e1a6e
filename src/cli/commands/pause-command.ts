import process from 'node:process';
import type { Command } from 'commander';
import { pause } from '../../system/pause.ts';
import { settle } from '../../system/settle.ts';
import { readJournal } from '../../system/transaction/journal.ts';
import { fitted } from '../help.ts';
import { countDown, ignoreHangUps } from '../output/countdown.ts';
import { argument, parseDeadline } from './system-options.ts';
import { requireRoot, thisMachine, UNRESOLVED_WARNING } from './this-machine.ts';

const NOTES = `
Use it on networks with a log-in page (captive portal), which only the network's own resolver can lead you to. During
the pause, that network sees all names in the clear. The pause ends by itself, even if you close the terminal and, with
systemd, even after a reboot. To end it early, press Ctrl-C or run \`sudo dns4tor install\`.

Example:
  sudo dns4tor pause 10m
`;

/** Adds `pause`, which hands name resolution back to the network for a time. */
export function addPause(program: Command): void {
  program
    .command('pause')
    .summary("use the network's own resolver for a while")
    .description("Uses the network's own resolver for a while, and then dns4tor again.")
    .argument('<duration>', 'from 10s to 1d, as in 10m', argument('<duration>', parseDeadline))
    .helpOption('-h, --help', 'print this help and exit')
    .addHelpText('after', fitted(NOTES))
    .action(async (durationMs: number) => {
      requireRoot('pause');
      const machine = thisMachine();
      using _ = ignoreHangUps();
      const { untilEpochMs = 0 } = await pause(machine, durationMs);
      const end = await countDown(machine, untilEpochMs, {
        announcement: `Names go to the network in the clear until ${new Date(untilEpochMs).toLocaleTimeString()}.\n`,
        what: 'of the pause left; Ctrl-C ends it now',
      });
      // Settles early, because the pause is over even if the wall clock was set back.
      const settled = end === 'changed' ? 'nothing' : await settle(machine, true);
      const phase = (await readJournal(machine.fs))?.phase;
      if (settled === 'resumed-unchecked') process.stderr.write(UNRESOLVED_WARNING);
      process.stdout.write(
        phase === 'installed'
          ? 'The pause is over: dns4tor resolves names again.\n'
          : 'Another command has taken over.\n',
      );
    });
}
