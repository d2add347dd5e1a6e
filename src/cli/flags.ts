import { type Command, Option } from 'commander';
import type { Problem } from '../config/config-problem.ts';
import type { Sources } from '../config/load.ts';
import { describeDefault, describeValues } from '../config/option-values.ts';
import { envNamesOf, flagOf, isOptionKey, OPTION_KEYS, type OptionKey, optionSpec } from '../config/options.ts';
import { nearest } from '../lib/nearest.ts';

/**
 * Adds flags of the options table to a command.
 *
 * @param keys the options that the command takes
 * @param docs descriptions of options that mean something else to this command than to `proxy-dns`
 * @returns the unparsed texts of the flags, filled in when the command is parsed
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
    // Only a boolean flag can be given without a value; the text is then null.
    command.on(`option:${key}`, (text: string | null) => {
      texts[key] = [...(texts[key] ?? []), text ?? 'true'];
    });
  }
  return texts;
}

/**
 * Turns `-port` into `--port`. cloudflared accepts both, as Go programs do, and existing units use them. The former is
 * unambiguous, because there are no one-letter flags that such a word could combine.
 */
export function withDoubleDashes(argv: readonly string[]): string[] {
  return argv.map((word) => {
    const name = /^-([a-z][a-z-]+)(?:=|$)/.exec(word)?.[1];
    return name !== undefined && isOptionKey(name) ? `-${word}` : word;
  });
}

/**
 * Describes the words of a command line that are neither flags of the command nor their values. Beside a bridge, they
 * may be the rest of its line, so they are not quoted.
 *
 * @param args the words
 */
export function describeUnknownWords(command: Command, args: readonly string[] = command.args): readonly Problem[] {
  const { options } = command;
  if (args.length > 0 && command.getOptionValue('bridge') !== undefined) {
    return [
      { problem: 'unexpected argument', remedy: 'quote each bridge line, and use flags for every other setting' },
    ];
  }
  const flags = options.flatMap(({ long }) => long ?? []);
  return args.flatMap((word, index) => {
    if (word.startsWith('-')) return [unknownFlag(word, flags)];
    // A word after an unknown flag is probably its value, so it is not reported as well.
    if (args[index - 1]?.startsWith('-')) return [];
    return [{ problem: `unexpected argument '${word}'`, remedy: 'use flags; every setting has one' }];
  });
}

function unknownFlag(word: string, flags: readonly string[]): Problem {
  const [name = ''] = word.split('=');
  const suggestion = nearest(name.replace(/^-+/, '--'), flags);
  const remedy = suggestion === undefined ? 'see --help' : `did you mean ${suggestion}?`;
  return { problem: `unknown option '${name}'`, remedy };
}

function describe(key: OptionKey, doc: string = optionSpec(key).doc): string {
  const { list } = optionSpec(key);
  const values = describeValues(key);
  const variables = envNamesOf(key);
  const notes = [
    ...(values === '' ? [] : [values]),
    ...(list === undefined ? [] : ['may be repeated']),
    `default: ${describeDefault(key)}`,
    ...(variables.length === 0 ? [] : [`env: ${variables.join(', ')}`]),
  ];
  return `${doc} (${notes.join('; ')})`;
}
