import process from 'node:process';
import { Command } from 'commander';
import { readVersion } from '../lib/version.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { withDoubleDashes } from './flags.ts';
import { Reporter } from './reporter.ts';

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

/** Where each command is, in the order of the help. */
const COMMANDS: Readonly<Record<CommandName, () => Promise<AddCommand>>> = {
  'proxy-dns': async () => (await import('./proxy-dns.ts')).addProxyDns,
  check: async () => (await import('./check.ts')).addCheck,
  status: async () => (await import('./status.ts')).addStatus,
  query: async () => (await import('./query.ts')).addQuery,
  install: async () => (await import('./install.ts')).addInstall,
  confirm: async () => (await import('./uninstall.ts')).addConfirm,
  uninstall: async () => (await import('./uninstall.ts')).addUninstall,
  pause: async () => (await import('./pause.ts')).addPause,
  settle: async () => (await import('./pause.ts')).addSettle,
};

const COMMAND_NAMES = Object.keys(COMMANDS) as CommandName[];

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
    .helpCommand('help [command]', 'print the help of a command')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(`${toSentence(text)}\n`) })
    .addHelpText('after', '\nRun `dns4tor proxy-dns --help` for its flags and examples.');
  const adders = await Promise.all(names.map((name) => COMMANDS[name]()));
  for (const add of adders) add(program, reporter);
  return program;
}

/** Puts what commander says about a wrong command line into the shape of our own sentences. */
function toSentence(text: string): string {
  const reason = text
    .trim()
    .replace(/^error: /, '')
    .replace(/\n\(Did you mean (.*)\?\)$/, '; did you mean $1?');
  return `dns4tor: ${reason}${reason.endsWith('?') ? '' : '; see dns4tor --help'}`;
}
