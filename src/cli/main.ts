import process from 'node:process';
import { Command } from 'commander';
import { readVersion } from '../lib/version.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { addCheck } from './check.ts';
import { withDoubleDashes } from './flags.ts';
import { addInstall } from './install.ts';
import { addPause, addSettle } from './pause.ts';
import { addProxyDns } from './proxy-dns.ts';
import { addQuery } from './query.ts';
import { Reporter } from './reporter.ts';
import { addStatus } from './status.ts';
import { addConfirm, addUninstall } from './uninstall.ts';

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
    await createProgram(reporter).parseAsync(withDoubleDashes(argv), { from: 'user' });
    return Number(process.exitCode ?? EXIT_CODES.ok);
  } catch (error) {
    return reporter.report(error);
  }
}

/** The commands and their flags. Manual pages and completions are generated from them, too. */
export function createProgram(reporter: Reporter): Command {
  const program = new Command('dns4tor')
    .description('A DNS resolver for this machine whose only way out is Tor.')
    .version(readVersion(), '-V, --version', 'print the version and exit')
    .helpOption('-h, --help', 'print this help and exit')
    .helpCommand('help [command]', 'print the help of a command')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(`${toSentence(text)}\n`) })
    .addHelpText('after', '\nRun `dns4tor proxy-dns --help` for its flags and examples.');
  addProxyDns(program, reporter);
  addCheck(program);
  addStatus(program);
  addQuery(program);
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
