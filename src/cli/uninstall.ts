import process from 'node:process';
import type { Command } from 'commander';
import { confirm, uninstall } from '../system/uninstall.ts';
import { requireRoot, thisMachine } from './this-machine.ts';

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
    .action(async ({ force }: { readonly force?: boolean }) => {
      requireRoot('uninstall');
      const wasInstalled = await uninstall(thisMachine(), { force: force === true });
      process.stdout.write(
        wasInstalled ? 'Names are resolved as before dns4tor.\n' : 'dns4tor is not installed; nothing to put back.\n',
      );
    });
}

/** Adds `confirm`, which keeps what `install --confirm-within` would take back. */
export function addConfirm(program: Command): void {
  program
    .command('confirm')
    .summary('keep what `install --confirm-within` has changed')
    .description('Keeps dns4tor as the resolver of this machine after `dns4tor install --confirm-within`.')
    .helpOption('-h, --help', 'print this help and exit')
    .action(async () => {
      requireRoot('confirm');
      const wasPending = await confirm(thisMachine());
      process.stdout.write(wasPending ? 'Confirmed.\n' : 'It was confirmed already.\n');
    });
}
