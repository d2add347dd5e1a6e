import process from 'node:process';
import type { Command } from 'commander';
import { settle } from '../../system/settle.ts';
import { requireRoot, thisMachine, UNRESOLVED_WARNING } from './this-machine.ts';

/** Adds `settle`, the hidden command of the timer that `pause` and `install --confirm-within` set. */
export function addSettle(program: Command): void {
  program
    .command('settle', { hidden: true })
    .description(
      'Ends a pause or rolls back an unconfirmed installation once its deadline has passed. Run by the timer of dns4tor.',
    )
    .helpOption('-h, --help', 'print this help and exit')
    .action(async () => {
      requireRoot('settle');
      const settled = await settle(thisMachine(), false);
      process.stdout.write(`dns4tor settle: ${settled}\n`);
      if (settled === 'resumed-unchecked') process.stderr.write(UNRESOLVED_WARNING);
    });
}
