import process from 'node:process';
import type { Command } from 'commander';
import { confirm } from '../../system/confirm.ts';
import { previewRemoval, uninstall, type UninstallOptions } from '../../system/uninstall.ts';
import { renderRemoval } from '../output/dry-run.ts';
import { fitted } from '../help.ts';
import { requireRoot, thisMachine } from './this-machine.ts';

const UNINSTALL_NOTES = `
Examples:
  sudo dns4tor uninstall --dry-run     show what would be put back, as a diff
  sudo dns4tor uninstall               put it back
`;

const CONFIRM_NOTES = `
Example:
  sudo dns4tor install --confirm-within 60s
  sudo dns4tor confirm                 in another terminal, once you see that names are resolved
`;

const NOT_INSTALLED = 'dns4tor is not installed; nothing to put back.\n';

/** Adds `uninstall`, the way back from `install`. */
export function addUninstall(program: Command): void {
  program
    .command('uninstall')
    .summary('put back what resolved names before `install`')
    .description(
      'Puts back every file that `dns4tor install` has changed: bytes, permissions, owners and symbolic links.',
    )
    .helpOption('-h, --help', 'print this help and exit')
    .option(
      '--force',
      'even over what somebody has changed since; that version is kept beside it, as NAME.before-uninstall',
    )
    .option('--dry-run', 'show what would be put back, and change nothing')
    .addHelpText('after', fitted(UNINSTALL_NOTES))
    .action(async ({ force = false, dryRun = false }: Partial<UninstallOptions> & { readonly dryRun?: boolean }) => {
      // The journal, which holds copies of files, is root's.
      requireRoot('uninstall');
      const machine = thisMachine();
      if (dryRun) {
        const removal = await previewRemoval(machine, { force });
        process.stdout.write(removal === undefined ? NOT_INSTALLED : renderRemoval(removal));
        return;
      }
      const wasInstalled = await uninstall(machine, { force });
      process.stdout.write(wasInstalled ? 'Names are resolved as before dns4tor.\n' : NOT_INSTALLED);
    });
}

/** Adds `confirm`, which keeps what `install --confirm-within` would take back. */
export function addConfirm(program: Command): void {
  program
    .command('confirm')
    .summary('keep what `install --confirm-within` has changed')
    .description('Keeps dns4tor as the resolver of this machine after `dns4tor install --confirm-within`.')
    .helpOption('-h, --help', 'print this help and exit')
    .addHelpText('after', fitted(CONFIRM_NOTES))
    .action(async () => {
      requireRoot('confirm');
      const wasPending = await confirm(thisMachine());
      process.stdout.write(wasPending ? 'Confirmed.\n' : 'It was confirmed already.\n');
    });
}
