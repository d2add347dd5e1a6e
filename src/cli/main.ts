import process from 'node:process';
import { Command } from 'commander';
import { readVersion } from '../lib/version.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { withDoubleDashes } from './flags.ts';
import { fitted, HELP_LAYOUT } from './help.ts';
import { renderIgnoredVariables, takeIgnoredVariables } from './ignored-variables.ts';
import { Reporter } from './output/reporter.ts';
import { toSentence } from './commander-errors.ts';

/** Adds a command to the program. */
type AddCommand = (program: Command, reporter: Reporter) => void;

type CommandName =
  | 'proxy-dns'
  | 'check'
  | 'status'
  | 'query'
  | 'install'
  | 'confirm'
  | 'uninstall'
  | 'pause'
  | 'settle';

interface CommandPlace {
  /** Its heading in the help. */
  readonly group: string;
  readonly load: () => Promise<AddCommand>;
}

const RESOLVE = 'Resolve names:';
const LOOK = 'See how it does:';
const SYSTEM = 'Be the resolver of this machine:';

/** Where each command is, in the order of the help. */
const COMMANDS: Readonly<Record<CommandName, CommandPlace>> = {
  'proxy-dns': { group: RESOLVE, load: async () => (await import('./commands/proxy-dns-command.ts')).addProxyDns },
  check: { group: LOOK, load: async () => (await import('./commands/check-command.ts')).addCheck },
  status: { group: LOOK, load: async () => (await import('./commands/status-command.ts')).addStatus },
  query: { group: LOOK, load: async () => (await import('./commands/query-command.ts')).addQuery },
  install: { group: SYSTEM, load: async () => (await import('./commands/install-command.ts')).addInstall },
  confirm: { group: SYSTEM, load: async () => (await import('./commands/uninstall-command.ts')).addConfirm },
  uninstall: { group: SYSTEM, load: async () => (await import('./commands/uninstall-command.ts')).addUninstall },
  pause: { group: SYSTEM, load: async () => (await import('./commands/pause-command.ts')).addPause },
  settle: { group: SYSTEM, load: async () => (await import('./commands/pause-command.ts')).addSettle },
};

const COMMAND_NAMES = Object.keys(COMMANDS) as CommandName[];

const NOTES = `
Examples:
  dns4tor proxy-dns --port 5353          answer on localhost, port 5353
  dns4tor check                          what works, what does not, and what to do about it
  dns4tor query -p 5353 example.com      look up a name there, and see how the answer came
  dns4tor install --dry-run              what would be changed for all programs to be answered by it

Each command has a help of its own: dns4tor query --help
`;

/** Runs the command line, without the program's name, and ends the process with its exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  const reporter = new Reporter();
  // Rejections that nobody handles arrive here as well. Going on after a defect would serve from a state nobody knows.
  process.on('uncaughtException', (error) => process.exit(reporter.report(error)));
  // A reader that has gone away (`| head`, a closed terminal) is no reason to fail, nor to stop resolving names.
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});
  process.exit(await run(argv, reporter));
}

async function run(argv: readonly string[], reporter: Reporter): Promise<number> {
  // The daemon logs them instead.
  if (argv[0] !== 'proxy-dns') process.stderr.write(renderIgnoredVariables(takeIgnoredVariables(process.env)));
  try {
    // To load the others as well would double the CPU time until the resolver listens.
    const named = COMMAND_NAMES.filter((name) => name === argv[0]);
    const program = await createProgram(reporter, named.length > 0 ? named : COMMAND_NAMES);
    await program.parseAsync(withDoubleDashes(argv), { from: 'user' });
    return Number(process.exitCode ?? EXIT_CODES.ok);
  } catch (error) {
    return reporter.report(error);
  }
}

/**
 * The commands and their flags. Manual pages and completions are generated from them, too.
 * @param names of the commands that it is to have
 */
export async function createProgram(
  reporter: Reporter,
  names: readonly CommandName[] = COMMAND_NAMES,
): Promise<Command> {
  const program = new Command('dns4tor')
    .description('A DNS resolver for this machine whose only way out is Tor.')
    .version(readVersion(), '-V, --version', 'print the version and exit')
    .helpOption('-h, --help', 'print this help and exit')
    .exitOverride()
    .configureHelp(HELP_LAYOUT)
    .addHelpText('after', fitted(NOTES));
  const places = await Promise.all(
    names.map(async (name) => ({ ...COMMANDS[name], add: await COMMANDS[name].load() })),
  );
  for (const { group, add } of places) {
    program.commandsGroup(group);
    add(program, reporter);
  }
  program.commandsGroup('Other:').helpCommand('help [command]', 'print the help of a command');
  for (const command of [program, ...program.commands]) sayWhatIsWrong(command);
  return program;
}

function sayWhatIsWrong(command: Command): void {
  const words = [command.parent?.name(), command.name(), '--help'].filter((word) => word !== undefined);
  command.configureOutput({ outputError: (text, write) => write(`${toSentence(text, words.join(' '))}\n`) });
}
