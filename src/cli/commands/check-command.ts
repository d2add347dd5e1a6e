import { constants } from 'node:os';
import process from 'node:process';
import type { Command } from 'commander';
import type { Check, Result } from '../../check/run-checks.ts';
import type { Config } from '../../config/config.ts';
import { loadSettings } from '../../config/load.ts';
import { OPTION_KEYS } from '../../config/options.ts';
import { validate } from '../../config/validate.ts';
import { systemClock } from '../../lib/clock.ts';
import { Dns4torError } from '../../failures/errors.ts';
import { systemRandom } from '../../lib/random.ts';
import { runCommand } from '../../system/command.ts';
import { createFileSystem } from '../../system/transaction/file-system.ts';
import { renderJson, renderResults } from '../output/check-output.ts';
import { SIGNAL_EXIT_BASE } from '../exit-codes.ts';
import { addFlags, describeUnknownWords } from '../flags.ts';
import { fitted } from '../help.ts';
import { takesCommands } from '../output/style.ts';
import { createTerminal } from '../output/terminal.ts';

const NOTES = `
It looks at the way out (Tor, the resolver, its certificate and its answers, the clock), at the way in (the running
dns4tor, its port), and at what could go around both (nsswitch.conf, resolv.conf, systemd-resolved, VPNs, Docker, IPv6
routers, browsers). It changes nothing, and sends nothing but to this machine itself and through Tor. Give it the flags,
environment and file of the dns4tor that it is about. What is in effect then, and whether that is right, says
\`dns4tor proxy-dns --check\`, which looks at nothing else.

Each line says ok, warn (it works, but not as it should), fail, or skip (not used here, or another check comes first);
below it is what to do. The exit status is 1 if anything failed, 2 if the configuration is wrong, and else 0.

Examples:
  dns4tor check --config /etc/dns4tor.toml               the service of that file
  sudo dns4tor check --config /etc/dns4tor.toml          the same, and who has the port if it is another user's program
  dns4tor check --port 5353 --json                       for programs: one JSON object
`;

/** Which `check` has in common with `proxy-dns`: all but that one's own `--check`. */
const KEYS = OPTION_KEYS.filter((key) => key !== 'check');

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Adds `check`, which says whether everything that dns4tor stands on works. */
export function addCheck(program: Command): void {
  const command = program
    .command('check')
    .summary('say what works, what does not, and what to do about it')
    .description('Says whether names are resolved through Tor as they should be, and what to do where they are not.')
    .helpOption('-h, --help', 'print this help and exit')
    .optionsGroup('Other:')
    .option('--json', 'print one JSON object instead of lines')
    // Unknown words are reported together with what else is wrong, not one per attempt.
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
  // Loaded only now: `--help` needs none of it.
  const [{ checksFor }, { createFacts }, { runChecks }] = await Promise.all([
    import('../../check/checks.ts'),
    import('../../check/facts.ts'),
    import('../../check/run-checks.ts'),
  ]);
  const facts = createFacts(
    { clock: systemClock, random: systemRandom, fs: createFileSystem(), run: runCommand, env: process.env },
    config,
  );
  const terminal = createTerminal(
    (text) => process.stderr.write(text),
    () => process.stderr.columns,
  );
  const onProgress = (left: readonly Check[]): void => {
    if (takesCommands(process.stderr, process.env))
      terminal.showLine(`Checking: ${[...new Set(left.map(({ id }) => id))].join(', ')}`);
  };
  // Nothing was changed, so there is nothing to wait for.
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
