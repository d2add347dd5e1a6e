import process from 'node:process';
import type { Command } from 'commander';
import { Dns4torError } from '../../failures/errors.ts';
import { install, previewInstallation } from '../../system/install.ts';
import { readJournal } from '../../system/transaction/journal.ts';
import type { Machine, Target } from '../../system/machine.ts';
import { settle } from '../../system/settle.ts';
import { countDown } from '../output/countdown.ts';
import { renderPreview } from '../output/dry-run.ts';
import { fitted } from '../help.ts';
import { toAddress, toDuration, toPort } from './system-options.ts';
import { requireRoot, thisMachine } from './this-machine.ts';

const NOTES = `
It finds out what manages names here (systemd-resolved, NetworkManager, resolvconf, DHCP clients, pppd or a plain
/etc/resolv.conf), has dns4tor resolve a name through Tor, changes what must be, and resolves a name by way of the
changed files. If anything fails, everything is put back. \`dns4tor uninstall\` puts back what was there, to the byte.

Examples:
  dns4tor install --dry-run              show what would be changed, as a diff
  sudo dns4tor install                   for good, if the checks succeed
  sudo dns4tor install --force           again, after another program has changed /etc/resolv.conf
  sudo dns4tor install --confirm-within 60s
                                         for a minute, unless you run \`sudo dns4tor confirm\` within it: for machines
                                         that you reach over the network only
`;

interface Flags extends Target {
  readonly dryRun?: boolean;
  readonly confirmWithin?: number;
  readonly force?: boolean;
}

/** Adds `install`, which makes a running dns4tor the resolver of the machine. */
export function addInstall(program: Command): void {
  program
    .command('install')
    .summary('make dns4tor the resolver of this machine')
    .description('Has all programs of this machine resolve names by way of dns4tor, which must be running.')
    .helpOption('-h, --help', 'print this help and exit')
    .option('--address <address>', 'loopback address at which dns4tor answers', toAddress, '127.0.0.1')
    .option('--port <port>', 'its port; another than 53 goes with systemd-resolved only', toPort, 53)
    .option(
      '--force',
      'overwrite files that were changed since the last install; each changed version is kept as NAME.before-install',
    )
    .option('--dry-run', 'show what would be changed, and change nothing')
    .option(
      '--confirm-within <duration>',
      'put everything back after this time unless confirmed, as in 60s',
      toDuration,
    )
    .addHelpText('after', fitted(NOTES))
    .action(async ({ address, port, dryRun, confirmWithin, force = false }: Flags) => {
      const machine = thisMachine();
      if (dryRun === true) {
        // Leak mutation: dry run
        process.stdout.write(renderPreview(await previewInstallation(machine, { address, port }, { force })));
        return;
      }
      requireRoot('install');
      const { phase, untilEpochMs } = await install(
        machine,
        { address, port },
        { confirmWithinMs: confirmWithin, force },
      );
      if (phase === 'unconfirmed' && untilEpochMs !== undefined) await awaitConfirmation(machine, untilEpochMs);
      process.stdout.write('dns4tor is the resolver of this machine. The way back: sudo dns4tor uninstall\n');
    });
}

async function awaitConfirmation(machine: Machine, untilEpochMs: number): Promise<void> {
  process.stdout.write(
    'Names are resolved by way of dns4tor. To keep it so, run in another terminal: sudo dns4tor confirm\n',
  );
  const end = await countDown(machine, untilEpochMs, 'left to confirm; Ctrl-C puts everything back now');
  // The time is up, even if the wall clock was set back meanwhile.
  if (end !== 'changed') await settle(machine, true);
  // Whoever came first, this process, the timer or the confirmation, has left its result there.
  if ((await readJournal(machine.fs))?.phase !== 'installed') throw new Dns4torError('ERR_SYSTEM_UNCONFIRMED');
}
