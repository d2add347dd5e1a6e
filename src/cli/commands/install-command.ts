import process from 'node:process';
import type { Command } from 'commander';
import { Dns4torError } from '../../failures/errors.ts';
import { install, previewInstallation } from '../../system/install.ts';
import type { Machine, Target } from '../../system/machine.ts';
import { settle } from '../../system/settle.ts';
import { readJournal } from '../../system/transaction/journal.ts';
import { fitted } from '../help.ts';
import { countDown, ignoreHangUps } from '../output/countdown.ts';
import { renderPreview } from '../output/dry-run.ts';
import { PROBE_DOMAIN } from './install-checks.ts';
import { argument, parseDeadline, parseLoopbackAddress, parsePort, parseProbeDomain } from './system-options.ts';
import { requireRoot, thisMachine } from './this-machine.ts';

const NOTES = `
Finds out what manages names here (systemd-resolved, NetworkManager, resolvconf, DHCP clients, pppd or a plain
/etc/resolv.conf), and checks that dns4tor resolves a name through Tor. Then changes the necessary files, and resolves a
name with them. If anything fails, everything is rolled back. \`dns4tor uninstall\` restores the originals exactly.

Examples:
  dns4tor install --dry-run              show what would be changed, as a diff
  sudo dns4tor install                   install permanently, if the checks succeed; or take back what another program
                                         has overwritten since, and keep its version as NAME.before-install
  sudo dns4tor install --confirm-within 60s
                                         roll back after a minute unless you run \`sudo dns4tor confirm\`; for remote
                                         machines
`;

interface Flags extends Target {
  readonly dryRun?: boolean;
  readonly confirmWithin?: number;
  readonly force?: boolean;
  readonly probeDomain: string;
}

/** Adds `install`, which makes a running dns4tor the resolver of this machine. */
export function addInstall(program: Command): void {
  program
    .command('install')
    .summary('make dns4tor the resolver of this machine')
    .description('Makes all programs of this machine resolve names with dns4tor, which must be running.')
    .helpOption('-h, --help', 'print this help and exit')
    .option(
      '--address <address>',
      'loopback address of dns4tor',
      argument('--address', parseLoopbackAddress),
      '127.0.0.1',
    )
    .option(
      '--port <port>',
      'port of dns4tor; only systemd-resolved can use another than 53',
      argument('--port', parsePort),
      53,
    )
    .option(
      '--force',
      "also overwrite edited files that are only partly dns4tor's, such as scripts of DHCP clients; each edited version is kept as NAME.before-install",
    )
    .option(
      '--probe-domain <domain>',
      'domain of the random names that the checks ask for, if the resolver answers for a domain of yours only',
      argument('--probe-domain', parseProbeDomain),
      PROBE_DOMAIN,
    )
    .option('--dry-run', 'show what would be changed, and change nothing')
    .option(
      '--confirm-within <duration>',
      'roll everything back after this time unless you confirm, as in 60s',
      argument('--confirm-within', parseDeadline),
    )
    .addHelpText('after', fitted(NOTES))
    .action(async ({ address, port, dryRun, confirmWithin, probeDomain, force = false }: Flags) => {
      const machine = thisMachine(probeDomain);
      if (dryRun === true) {
        // Leak mutation: dry run
        process.stdout.write(renderPreview(await previewInstallation(machine, { address, port }, { force })));
        return;
      }
      requireRoot('install');
      using _ = confirmWithin === undefined ? undefined : ignoreHangUps();
      const { phase, untilEpochMs } = await install(
        machine,
        { address, port },
        { confirmWithinMs: confirmWithin, force },
      );
      if (phase === 'unconfirmed' && untilEpochMs !== undefined) await awaitConfirmation(machine, untilEpochMs);
      process.stdout.write('dns4tor is the resolver of this machine. To undo: sudo dns4tor uninstall\n');
    });
}

async function awaitConfirmation(machine: Machine, untilEpochMs: number): Promise<void> {
  const end = await countDown(machine, untilEpochMs, {
    announcement: 'Names are now resolved with dns4tor. To keep that, run in another terminal: sudo dns4tor confirm\n',
    what: 'left to confirm; Ctrl-C rolls everything back now',
  });
  // Settles early, because the time is up even if the wall clock was set back.
  if (end !== 'changed') await settle(machine, true);
  // The journal shows the outcome, whether this process, the timer or `confirm` came first.
  if ((await readJournal(machine.fs))?.phase !== 'installed') throw new Dns4torError('ERR_SYSTEM_UNCONFIRMED');
}
