import { constants, networkInterfaces } from 'node:os';
import process from 'node:process';
import type { Command } from 'commander';
import type { Check, Result } from '../../check/run-checks.ts';
import type { Config } from '../../config/config.ts';
import { loadSettings } from '../../config/load.ts';
import { OPTION_KEYS } from '../../config/options.ts';
import { validate } from '../../config/validate.ts';
import { Dns4torError } from '../../failures/errors.ts';
import { systemClock } from '../../lib/clock.ts';
import { systemRandom } from '../../lib/random.ts';
import { runCommand } from '../../system/command.ts';
import { createFileSystem } from '../../system/transaction/file-system.ts';
import { SIGNAL_EXIT_BASE } from '../exit-codes.ts';
import { addFlags, describeUnknownWords } from '../flags.ts';
import { fitted } from '../help.ts';
import { renderJson, renderResults } from '../output/check-output.ts';
import { takesCommands } from '../output/style.ts';
import { createTerminal } from '../output/terminal.ts';
import { columnsOf } from '../output/terminal-size.ts';

const NOTES = `
Checks the upstream side (Tor, the resolver, its certificate and answers, the clock), the local side (the running
dns4tor, its ports and its certificate), and everything that could bypass both (nsswitch.conf, resolv.conf,
systemd-resolved, VPNs, Docker, IPv6 routers, browsers). Changes nothing, and sends packets only to this machine and
through Tor. Use the same flags, environment and file as for the running dns4tor. To check only the configuration, run
\`dns4tor proxy-dns --check\`.

Each line says ok, warn (works, but not as it should), fail, or skip (not used here, or depends on a failed check). The
remedy is on the line below. The exit status is 1 if a check failed, 2 if the configuration is invalid, and 0 otherwise.

If Tor is not connected to its network, the running dns4tor (--metrics) tells why. If none runs, check watches Tor over
its control port for up to 25 seconds, to tell a slow start from one that makes no progress.

Examples:
  dns4tor check --config /etc/dns4tor.toml         check the service with this configuration
  sudo dns4tor check --config /etc/dns4tor.toml    also name a program of another user that occupies the port
  dns4tor check --port 5053 --json                 print one JSON object, for scripts
`;

/** The options of `proxy-dns`, without its own `--check`. */
const KEYS = OPTION_KEYS.filter((key) => key !== 'check');

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Adds `check`, which checks everything that dns4tor depends on. */
export function addCheck(program: Command): void {
  const command = program
    .command('check')
    .summary('find problems, and what to do about them')
    .description('Checks that names are resolved through Tor as intended, and says what to do if they are not.')
    .helpOption('-h, --help', 'print this help and exit')
    .optionsGroup('Other:')
    .option('--json', 'print one JSON object instead of lines')
    // The action reports unknown words together with all other problems.
    .allowUnknownOption()
    .allowExcessArguments()
    .addHelpText('after', fitted(NOTES));
  const flags = addFlags(command, KEYS);
  command.action(async ({ json }: { readonly json?: boolean }) => {
    const loaded = loadSettings({ flags, env: process.env });
    const config = validate({
      settings: loaded.settings,
      problems: [...describeUnknownWords(command), ...loaded.problems],
    });
    const results = await check(config);
    process.stdout.write(json === true ? renderJson(results) : renderResults(results));
    const failed = results.filter(({ status }) => status === 'fail').length;
    // Leak mutation: results
    if (failed > 0) throw new Dns4torError('ERR_CHECK', `${failed} of ${results.length} checks failed`);
  });
}

async function check(config: Config): Promise<readonly Result[]> {
  // Loaded here, because `--help` needs none of it.
  const [{ checksFor }, { createFacts }, { runChecks }] = await Promise.all([
    import('../../check/checks.ts'),
    import('../../check/facts.ts'),
    import('../../check/run-checks.ts'),
  ]);
  const facts = createFacts(
    {
      clock: systemClock,
      random: systemRandom,
      fs: createFileSystem(),
      run: runCommand,
      env: process.env,
      networkInterfaces,
    },
    config,
  );
  const terminal = createTerminal(
    (text) => process.stderr.write(text),
    () => columnsOf(process.stderr),
  );
  const onProgress = (left: readonly Check[]): void => {
    if (takesCommands(process.stderr, process.env))
      terminal.showLine(`Checking: ${[...new Set(left.map(({ id }) => id))].join(', ')}`);
  };
  // Exits at once: nothing was changed.
  const onSignal = (signal: (typeof STOP_SIGNALS)[number]): void => {
    terminal.clear();
    process.exit(SIGNAL_EXIT_BASE + constants.signals[signal]);
  };
  for (const signal of STOP_SIGNALS) process.on(signal, onSignal);
  try {
    return await runChecks(checksFor(config), facts, systemClock, onProgress);
  } finally {
    terminal.clear();
    for (const signal of STOP_SIGNALS) process.off(signal, onSignal);
  }
}
