import process from 'node:process';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { flushCache } from '../../client/control-client.ts';
import { ConfigError } from '../../config/config-problem.ts';
import { loadSettings } from '../../config/load.ts';
import { validateSome } from '../../config/validate.ts';
import { controlPaths } from '../../daemon/control/control-path.ts';
import { systemClock } from '../../lib/clock.ts';
import { parseName } from '../../message/text/name-text.ts';
import { toAsciiName } from '../../model/names/host-name.ts';
import { addFlags } from '../flags.ts';
import { fitted } from '../help.ts';

const NOTES = `
Without NAME, all answers are removed. With NAME, those for the name and all names below it are, whatever their type,
and those with records of such names, as behind an alias. Only root and the user who runs dns4tor can do this.

Other users of this machine can see NAME among the processes (ps) until the command hides it, some 50 ms. Give - to
read the name from stdin instead.

Examples:
  sudo dns4tor flush                           the cache of the service that systemd runs
  sudo dns4tor flush example.com               example.com and all names below it
  sudo dns4tor flush -                         the same with a name that you type
`;

/** Adds `flush`, which removes answers from the cache of the running dns4tor. */
export function addFlush(program: Command): void {
  const command = program
    .command('flush')
    .summary('empty the cache of the running dns4tor')
    .description('Removes all answers, or those for one name, from the cache of the running dns4tor.')
    .argument('[name]', 'name to remove, with all names below it; - reads it from stdin')
    .helpOption('-h, --help', 'print this help and exit')
    .addHelpText('after', fitted(NOTES));
  const flags = addFlags(command, ['control-socket', 'config'], { 'control-socket': 'control socket of dns4tor' });
  command.action(async (word: string | undefined) => {
    const { 'control-socket': controlSocket } = validateSome(loadSettings({ flags, env: process.env }), [
      'control-socket',
    ]);
    const name = word === '-' ? (await text(process.stdin)).trim() : word;
    const paths = controlPaths(controlSocket, process.env, process.geteuid?.() === 0);
    const removed = await flushCache(paths, name === undefined ? undefined : toAscii(name), systemClock);
    process.stdout.write(`Removed ${removed} ${removed === 1 ? 'answer' : 'answers'}.\n`);
  });
}

/** The name may be internationalized. It is never quoted: errors may end up in a log. */
function toAscii(name: string): string {
  const ascii = toAsciiName(name);
  if (parseName(ascii) !== undefined) return ascii;
  throw new ConfigError([
    { problem: 'flush: the argument is not a domain name', remedy: 'give one, such as example.com' },
  ]);
}
