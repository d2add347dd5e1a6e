import { type Command, Option } from 'commander';
import { describeDefault, describeValues } from '../config/describe.ts';
import type { Sources } from '../config/load.ts';
import { envNamesOf, flagOf, isOptionKey, OPTION_KEYS, type OptionKey, optionSpec } from '../config/options.ts';
import { nearest } from '../lib/nearest.ts';

/**
 * Gives the command the options table's flags.
 *
 * @param keys of those that it takes
 * @param docs what they mean to this command, where that is not what they mean to `proxy-dns`
 * @returns the texts of the flags, by the table's keys, once the command has been parsed; `config/` makes sense of them
 */
export function addFlags(
  command: Command,
  keys: readonly OptionKey[] = OPTION_KEYS,
  docs: Readonly<Partial<Record<OptionKey, string>>> = {},
): Sources['flags'] {
  const texts: Partial<Record<OptionKey, readonly string[]>> = {};
  for (const key of keys) {
    const { kind, placeholder, group } = optionSpec(key);
    const value = kind === 'boolean' ? `[${placeholder}]` : `<${placeholder}>`;
    command.addOption(new Option(`${flagOf(key)} ${value}`, describe(key, docs[key])).helpGroup(`${group}:`));
    // A flag alone has no text: only a boolean can be without.
    command.on(`option:${key}`, (text: string | null) => {
      texts[key] = [...(texts[key] ?? []), text ?? 'true'];
    });
  }
  return texts;
}

/**
 * cloudflared reads its flags as Go programs do, `-port` as well as `--port`, and units in the field are written so.
 * Nothing else can be meant by it: there are no flags of one letter that such a word could bundle.
 */
export function withDoubleDashes(argv: readonly string[]): string[] {
  return argv.map((word) => {
    const name = /^-([a-z][a-z-]+)(?:=|$)/.exec(word)?.[1];
    return name !== undefined && isOptionKey(name) ? `-${word}` : word;
  });
}

/** What is wrong with the words that are neither the command's flags nor their values. */
export function describeUnknownWords({ args, options }: Command): readonly string[] {
  const flags = options.flatMap(({ long }) => long ?? []);
  return args.flatMap((word, index) => {
    if (word.startsWith('-')) return [unknownFlag(word, flags)];
    // A word after an unknown flag is most likely its value, and says nothing that the flag has not said.
    return args[index - 1]?.startsWith('-') ? [] : [`'${word}': is not expected here; every setting has its flag`];
  });
}

function unknownFlag(word: string, flags: readonly string[]): string {
  const [name = ''] = word.split('=');
  const suggestion = nearest(name.replace(/^-+/, '--'), flags);
  const remedy = suggestion === undefined ? '--help lists those that exist' : `did you mean ${suggestion}?`;
  return `${word.split('=')[0]}: there is no such flag; ${remedy}`;
}

function describe(key: OptionKey, doc: string = optionSpec(key).doc): string {
  const { list } = optionSpec(key);
  const values = describeValues(key);
  const notes = [
    ...(values === '' ? [] : [values]),
    ...(list === undefined ? [] : ['may be repeated']),
    `default: ${describeDefault(key)}`,
    ...envNamesOf(key)
      .slice(0, 1)
      .map(() => `env: ${envNamesOf(key).join(', ')}`),
  ];
  return `${doc} (${notes.join('; ')})`;
}
