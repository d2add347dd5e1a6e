import process from 'node:process';
import { Command } from 'commander';
import { readVersion } from '../lib/version.ts';
import { translateCommandLine } from './cloudflared/translate-command-line.ts';
import { throwUsageErrors } from './commander-errors.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { withDoubleDashes } from './flags.ts';
import { fitted, HELP_LAYOUT } from './help.ts';
import { renderIgnoredVariables, takeIgnoredVariables } from './ignored-variables.ts';
import { Reporter } from './output/reporter.ts';
import { columnsOf } from './output/terminal-size.ts';

/** Adds a command to the program. */
type AddCommand = (program: Command, reporter: Reporter) => void;

type CommandName =
  | 'proxy-dns'
  | 'check'
  | 'status'
  | 'query'
  | 'flush'
  | 'certificate'
  | 'install'
  | 'confirm'
  | 'uninstall'
  | 'pause'
  | 'settle';

interface CommandPlace {
  /** Heading in the help. */
  readonly group: string;
  readonly load: () => Promise<AddCommand>;
}

const RESOLVE = 'Resolve names:';
const INSPECT = 'Inspect:';
const SYSTEM = 'Configure this machine:';

/** The module of each command, in the order of the help. */
const COMMANDS: Readonly<Record<CommandName, CommandPlace>> = {
  'proxy-dns': { group: RESOLVE, load: async () => (await import('./commands/proxy-dns-command.ts')).addProxyDns },
  check: { group: INSPECT, load: async () => (await import('./commands/check-command.ts')).addCheck },
  status: { group: INSPECT, load: async () => (await import('./commands/status-command.ts')).addStatus },
  query: { group: INSPECT, load: async () => (await import('./commands/query/query-command.ts')).addQuery },
  flush: { group: INSPECT, load: async () => (await import('./commands/flush-command.ts')).addFlush },
  certificate: {
    group: SYSTEM,
    load: async () => (await import('./commands/certificate-command.ts')).addCertificate,
  },
  install: { group: SYSTEM, load: async () => (await import('./commands/install-command.ts')).addInstall },
  confirm: { group: SYSTEM, load: async () => (await import('./commands/confirm-command.ts')).addConfirm },
  uninstall: { group: SYSTEM, load: async () => (await import('./commands/uninstall-command.ts')).addUninstall },
  pause: { group: SYSTEM, load: async () => (await import('./commands/pause-command.ts')).addPause },
  settle: { group: SYSTEM, load: async () => (await import('./commands/settle-command.ts')).addSettle },
};

const COMMAND_NAMES = Object.keys(COMMANDS) as CommandName[];

const NOTES = `
Examples:
  dns4tor proxy-dns --port 5053          answer DNS queries on localhost, port 5053
  dns4tor query -p 5053 example.com      look up a name there
  dns4tor check                          find problems, and what to do about them
  dns4tor install --dry-run              show how all programs would be made to use dns4tor

For the help of a command, run for example: dns4tor query --help
`;

/** Runs a command line (without the program's name), and ends the process with its exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  const reporter = new Reporter();
  // Includes unhandled rejections. After a defect the state is unknown, so the process must not go on serving.
  process.on('uncaughtException', (error) => process.exit(reporter.report(error)));
  // A reader that is gone (`| head`, a closed terminal) must not stop the resolver.
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});
  process.exit(await run(argv, reporter));
}

async function run(words: readonly string[], reporter: Reporter): Promise<number> {
  try {
    const argv = translateCommandLine(words, process.env, COMMAND_NAMES);
    // The daemon logs the variables instead.
    if (argv[0] !== 'proxy-dns') process.stderr.write(renderIgnoredVariables(takeIgnoredVariables(process.env)));
    // Loading all commands would double the CPU time until the resolver listens.
    const named = COMMAND_NAMES.filter((name) => name === argv[0]);
    const program = await createProgram(reporter, named.length > 0 ? named : COMMAND_NAMES);
    await program.parseAsync(withDoubleDashes(argv), { from: 'user' });
    return Number(process.exitCode ?? EXIT_CODES.ok);
  } catch (error) {
    return reporter.report(error);
  }
}

/**
 * Builds the program with its commands and flags. Manual pages and completions are generated from it, too.
 *
 * @param names the commands to include
 */
export async function createProgram(
  reporter: Reporter,
  names: readonly CommandName[] = COMMAND_NAMES,
): Promise<Command> {
  const program = new Command('dns4tor')
    .description('A DNS resolver for this machine whose only way out is Tor.')
    .version(readVersion(), '-V, --version', 'print the version and exit')
    .helpOption('-h, --help', 'print this help and exit')
    .configureHelp(HELP_LAYOUT)
    .configureOutput({
      getOutHelpWidth: () => columnsOf(process.stdout),
      getErrHelpWidth: () => columnsOf(process.stderr),
    })
    .addHelpText('after', fitted(NOTES));
  const places = await Promise.all(
    names.map(async (name) => ({ ...COMMANDS[name], add: await COMMANDS[name].load() })),
  );
  for (const { group, add } of places) {
    program.commandsGroup(group);
    add(program, reporter);
  }
  program.commandsGroup('Other:').helpCommand('help [command]', 'print the help of a command');
  for (const command of [program, ...program.commands]) throwUsageErrors(command);
  return program;
}
