import assert from 'node:assert/strict';
import { join } from 'node:path';
import { toServerName } from '../../src/certificate/server-names.ts';
import { takeIgnoredFlags, translateCommandLine } from '../../src/cli/cloudflared/translate-command-line.ts';
import { readQueryWords } from '../../src/cli/commands/query/query-words.ts';
import { describeUnknownWords, withDoubleDashes } from '../../src/cli/flags.ts';
import { createProgram } from '../../src/cli/main.ts';
import { Reporter } from '../../src/cli/output/reporter.ts';
import { loadSettings } from '../../src/config/load.ts';
import { isOptionKey, type OptionKey, optionSpec } from '../../src/config/options.ts';
import { validate } from '../../src/config/validate.ts';
import { ROOT } from './pages.ts';

/** For the reader's own. */
export const ONION = 'dns4torpnlfs2ifuz2s2yf3fc7rdmsbhm6rw75euj35pac6ap25zgqad.onion';
const CONFIG_FILE = join(ROOT, 'systemd', 'dns4tor.toml');
/** These name files that only the reader has. */
const FILE_KINDS: ReadonlySet<string> = new Set([
  'certificate-file',
  'onion-auth-file',
  'bridges-file',
  'append-file',
  'hosts-file',
  'list-file',
  'server-certificate',
  'private-key-file',
]);

/** Replaces what stands for the reader's own onion address. */
export function withoutPlaceholders(text: string): string {
  return text.replaceAll('ADDRESS.onion', ONION);
}

/**
 * Parses a command line of dns4tor as the program does, and checks its configuration. Runs nothing.
 *
 * @throws for what dns4tor would refuse
 */
export async function checkCommandLine(words: readonly string[]): Promise<void> {
  const program = await createProgram(new Reporter());
  const flags: Partial<Record<OptionKey, string[]>> = {};
  let ran: string | undefined;
  for (const command of program.commands) {
    for (const name of command.options.flatMap(({ long }) => long?.slice(2) ?? [])) {
      if (!isOptionKey(name) || command.name() === 'install') continue;
      command.on(`option:${name}`, (text: string | null) => (flags[name] ??= []).push(text ?? 'true'));
    }
    command.configureOutput({ outputError: () => {}, writeErr: () => {}, writeOut: () => {} });
    command.action((first: unknown, options: unknown) => {
      ran = command.name();
      if (ran === 'proxy-dns') {
        assert.deepEqual(describeUnknownWords(command, takeIgnoredFlags(command.args).words), []);
      }
      if (ran === 'check') assert.deepEqual(describeUnknownWords(command), []);
      if (ran === 'certificate') assert.ok((first as string[]).every((name) => toServerName(name) !== undefined));
      if (ran === 'query') readQueryWords(first as string[], (options as { readonly x?: string }).x);
    });
  }
  try {
    const names = program.commands.map((command) => command.name());
    const translated = translateCommandLine(words.map(withoutPlaceholders), {}, names);
    await program.parseAsync(withDoubleDashes(translated), { from: 'user' });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'commander.helpDisplayed') return;
    throw error;
  }
  assert.ok(ran !== undefined, `no command ran: ${words.join(' ')}`);
  checkFlags(flags);
}

function checkFlags(flags: Readonly<Partial<Record<OptionKey, readonly string[]>>>): void {
  const known = Object.entries(flags).filter(([key]) => isOptionKey(key) && !FILE_KINDS.has(optionSpec(key).kind));
  const config = flags.config === undefined ? {} : { config: [CONFIG_FILE] };
  validate(loadSettings({ flags: { ...Object.fromEntries(known), ...config }, env: {} }));
}
