import process from 'node:process';
import type { Command } from 'commander';
import { previewRemoval, type UninstallOptions, uninstall } from '../../system/uninstall.ts';
import { fitted } from '../help.ts';
import { renderRemoval } from '../output/dry-run.ts';
import { requireRoot, thisMachine } from './this-machine.ts';

const NOTES = `
Examples:
  sudo dns4tor uninstall --dry-run     show what would be restored, as a diff
  sudo dns4tor uninstall               restore it
`;

const NOT_INSTALLED = 'dns4tor is not installed; there is nothing to restore.\n';

/** Adds `uninstall`, which undoes `install`. */
export function addUninstall(program: Command): void {
  program
    .command('uninstall')
    .summary('undo `install`')
    .description(
      'Restores every file that `dns4tor install` has changed: content, permissions, owner and symbolic links.',
    )
    .helpOption('-h, --help', 'print this help and exit')
    .option(
      '--force',
      'restore files even if they were edited since; each edited version is kept as NAME.before-uninstall',
    )
    .option('--dry-run', 'show what would be restored, and change nothing')
    .addHelpText('after', fitted(NOTES))
    .action(async ({ force = false, dryRun = false }: Partial<UninstallOptions> & { readonly dryRun?: boolean }) => {
      // The journal holds copies of files, so only root may read it.
      requireRoot('uninstall');
      const machine = thisMachine();
      if (dryRun) {
        const removal = await previewRemoval(machine, { force });
        process.stdout.write(removal === undefined ? NOT_INSTALLED : renderRemoval(removal));
        return;
      }
      const wasInstalled = await uninstall(machine, { force });
      process.stdout.write(wasInstalled ? 'Names are resolved as before dns4tor was installed.\n' : NOT_INSTALLED);
    });
}
