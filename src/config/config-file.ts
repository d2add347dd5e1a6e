import { parse, TomlError } from 'smol-toml';
import { nearest } from '../lib/nearest.ts';
import { isYamlPath, refuseYaml } from './cloudflared/describe-yaml.ts';
import { locate, type Parsed, type Problem, refuse } from './config-problem.ts';
import { privacyProblems, readSmallFile } from './files.ts';
import { FILE_KEYS, isOptionKey, type OptionKey, optionSpec } from './options.ts';

/** The texts of each key, as the environment would give them. */
export type FileTexts = ReadonlyMap<OptionKey, readonly string[]>;

/**
 * Reads a TOML file whose keys are those of the options table.
 *
 * @param place where the path was given, for problems of the whole file
 * @param problems receives the problems; the keys without problems are returned
 */
export function readConfigFile(path: string, place: string, problems: Problem[]): FileTexts {
  const texts = new Map<OptionKey, readonly string[]>();
  const table = parseToml(path);
  if ('problem' in table) {
    problems.push(locate(place, table));
    return texts;
  }
  for (const [name, value] of Object.entries(table.value)) {
    const scalars = toTexts(value);
    const report = (problem: Problem): void => {
      problems.push(locate(placeInFile(name, path), problem));
    };
    if (!isOptionKey(name) || !FILE_KEYS.includes(name)) report(unknownKey(name));
    else if (scalars === undefined) report(WRONG_TYPE);
    else if (Array.isArray(value) && optionSpec(name).list === undefined) report(UNEXPECTED_LIST);
    else {
      texts.set(name, scalars);
      if (optionSpec(name).secret === true) for (const problem of privacyProblems(path)) report(notPrivate(problem));
    }
  }
  return texts;
}

/** Names a key for people. */
export function placeInFile(key: string, path: string): string {
  return `${key} in ${path}`;
}

const WRONG_TYPE: Problem = { problem: 'wrong type', remedy: 'write a string, a number, true or false, or a list' };
const UNEXPECTED_LIST: Problem = { problem: 'the value is a list', remedy: 'give a single value' };

/** The problem of a file with a secret value, from a clause about the file. */
function notPrivate({ problem, remedy }: Problem): Problem {
  return { problem: `the value is secret, but the file ${problem}`, ...(remedy === undefined ? {} : { remedy }) };
}

function parseToml(path: string): Parsed<Readonly<Record<string, unknown>>> {
  const file = readSmallFile(path);
  if ('problem' in file) return file;
  if (isYamlPath(path)) return refuseYaml(path, file.value);
  try {
    return { value: parse(file.value) };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // The other lines of the message only draw the place.
    const [reason = ''] = error.message.split('\n');
    const clause = reason.replace(/^Invalid TOML document: /, '');
    return refuse(path, `is not valid TOML: line ${error.line}, column ${error.column}: ${clause}`);
  }
}

function unknownKey(name: string): Problem {
  const suggestion = nearest(name, FILE_KEYS);
  const remedy =
    suggestion === undefined ? `the known keys are ${FILE_KEYS.join(', ')}` : `did you mean ${suggestion}?`;
  return { problem: 'unknown key', remedy };
}

/** Undefined if no option can hold the value: tables and dates. */
function toTexts(value: unknown): readonly string[] | undefined {
  const texts = (Array.isArray(value) ? value : [value]).map((item: unknown) =>
    typeof item === 'string' || typeof item === 'number' || typeof item === 'boolean' ? String(item) : undefined,
  );
  return texts.includes(undefined) ? undefined : texts.filter((text) => text !== undefined);
}
