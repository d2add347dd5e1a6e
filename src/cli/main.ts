import process from 'node:process';
import { Command, CommanderError } from 'commander';
import { ConfigError } from '../config/config-error.ts';
import { Dns4torError } from '../lib/errors.ts';
import { readVersion } from '../lib/version.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { withDoubleDashes } from './flags.ts';
import { addInstall } from './install.ts';
import { addPause, addSettle } from './pause.ts';
import { addProxyDns } from './proxy-dns.ts';
import { addConfirm, addUninstall } from './uninstall.ts';

/** Runs the command line, without the program's name, and ends the process with its exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  // Rejections that nobody handles arrive here as well. Going on after a defect would serve from a state nobody knows.
  process.on('uncaughtException', (error) => process.exit(report(error)));
  // A reader that has gone away (`| head`, a closed terminal) is no reason to fail, nor to stop resolving names.
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});
  process.exit(await run(argv));
}

async function run(argv: readonly string[]): Promise<number> {
  try {
    await createProgram().parseAsync(withDoubleDashes(argv), { from: 'user' });
    return EXIT_CODES.ok;
  } catch (error) {
    return report(error);
  }
}

function createProgram(): Command {
  const program = new Command('dns4tor')
    .description('A DNS resolver for this machine whose only way out is Tor.')
    .version(readVersion(), '-V, --version', 'print the version and exit')
    .helpOption('-h, --help', 'print this help and exit')
    .helpCommand('help [command]', 'print the help of a command')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(`${toSentence(text)}\n`) })
    .addHelpText('after', '\nRun `dns4tor proxy-dns --help` for its flags and examples.');
  addProxyDns(program);
  addInstall(program);
  addConfirm(program);
  addUninstall(program);
  addPause(program);
  addSettle(program);
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

/** Tells a person what went wrong, a line for each problem, and returns the exit code for it. Never prints a stack trace. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
  if (error instanceof ConfigError) {
    for (const problem of error.problems) complain(problem);
    return EXIT_CODES.usage;
  }
  if (error instanceof Dns4torError && error.code !== 'ERR_INTERNAL') {
    complain(error.message);
    return EXIT_CODES.failure;
  }
  complain(
    `a defect ended it (${describeDefect(error)}); please report it with this line and the version, ${readVersion()}`,
  );
  return EXIT_CODES.defect;
}

function complain(sentence: string): void {
  process.stderr.write(`dns4tor: ${sentence}\n`);
}

/** Its kind and place, which are enough to find it. Not its message: that may quote data, a name that was asked for too. */
function describeDefect(error: unknown): string {
  const thrown = error instanceof Dns4torError && error.cause !== undefined ? error.cause : error;
  if (!(thrown instanceof Error)) return typeof thrown;
  const kind = 'code' in thrown ? `${thrown.name} ${String(thrown.code)}` : thrown.name;
  const place = /(?:src|dist|node_modules)\/[^\s()]+:\d+:\d+/.exec(thrown.stack ?? '')?.[0];
  return place === undefined ? kind : `${kind} at ${place}`;
}
