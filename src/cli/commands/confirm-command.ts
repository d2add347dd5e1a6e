import process from 'node:process';
import type { Command } from 'commander';
import { confirm } from '../../system/confirm.ts';
import { fitted } from '../help.ts';
import { requireRoot, thisMachine } from './this-machine.ts';

const NOTES = `
Example:
  sudo dns4tor install --confirm-within 60s
  sudo dns4tor confirm                 in another terminal, once you see that names are resolved
`;

/** Adds `confirm`, which makes the result of `install --confirm-within` permanent. */
export function addConfirm(program: Command): void {
  program
    .command('confirm')
    .summary('keep the changes of `install --confirm-within`')
    .description('Keeps dns4tor as the resolver of this machine after `dns4tor install --confirm-within`.')
    .helpOption('-h, --help', 'print this help and exit')
    .addHelpText('after', fitted(NOTES))
    .action(async () => {
      requireRoot('confirm');
      const wasPending = await confirm(thisMachine());
      process.stdout.write(wasPending ? 'Confirmed.\n' : 'Already confirmed.\n');
    });
}
