import { parse, TomlError } from 'smol-toml';
import { nearest } from '../lib/nearest.ts';
import { readSmallFile } from './files.ts';
import { FILE_KEYS, isOptionKey, type OptionKey, optionSpec } from './options.ts';
import type { Parsed } from './parsed.ts';

/** Texts by key, each as the environment would give it. */
export type FileTexts = ReadonlyMap<OptionKey, readonly string[]>;

/** Reads a TOML file whose keys are those of the options table. What is wrong goes into `problems`, the rest is returned. */
export function readConfigFile(path: string, place: string, problems: string[]): FileTexts {
  const texts = new Map<OptionKey, readonly string[]>();
  const table = parseToml(path);
  if ('problem' in table) {
    problems.push(`${place}: ${table.problem}`);
    return texts;
  }
  for (const [name, value] of Object.entries(table.value)) {
    const scalars = toTexts(value);
    if (!isOptionKey(name) || !FILE_KEYS.includes(name)) {
      problems.push(`${placeInFile(name, path)}: ${unknownKey(name)}`);
    } else if (scalars === undefined) {
      problems.push(`${placeInFile(name, path)}: is neither a string, a number nor true or false, nor a list of those`);
    } else if (Array.isArray(value) && optionSpec(name).list === undefined) {
      problems.push(`${placeInFile(name, path)}: is a list, but takes one value`);
    } else {
      texts.set(name, scalars);
    }
  }
  return texts;
}

/** How a person finds a key again. */
export function placeInFile(key: string, path: string): string {
  return `${key} in ${path}`;
}

function parseToml(path: string): Parsed<Readonly<Record<string, unknown>>> {
  const file = readSmallFile(path);
  if ('problem' in file) return file;
  try {
    return { value: parse(file.value) };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // The message's further lines draw the place, which the sentence names.
    const [reason = ''] = error.message.split('\n');
    const clause = reason.replace(/^Invalid TOML document: /, '');
    return { problem: `'${path}' is not valid TOML: line ${error.line}, column ${error.column}: ${clause}` };
  }
}

function unknownKey(name: string): string {
  const suggestion = nearest(name, FILE_KEYS);
  return suggestion === undefined
    ? `there is no such key; those that exist are ${FILE_KEYS.join(', ')}`
    : `there is no such key; did you mean ${suggestion}?`;
}

/** Undefined for what no option can hold: tables and dates. */
function toTexts(value: unknown): readonly string[] | undefined {
  const texts = (Array.isArray(value) ? value : [value]).map((item: unknown) =>
    typeof item === 'string' || typeof item === 'number' || typeof item === 'boolean' ? String(item) : undefined,
  );
  return texts.includes(undefined) ? undefined : texts.filter((text) => text !== undefined);
}
