import { parse, TomlError } from 'smol-toml';
import { nearest } from '../lib/nearest.ts';
import { isYamlPath, refuseYaml } from './cloudflared/describe-yaml.ts';
import { locate, type Parsed, type Problem, refuse } from './config-problem.ts';
import { privacyProblems, readSmallFile } from './files.ts';
import { FILE_KEYS, FILE_TABLES, isOptionKey, type OptionKey, optionSpec } from './options.ts';

/** The texts of each key, as flags would give them, and the place of the key or its table, for people. */
export type FileTexts = ReadonlyMap<OptionKey, { readonly texts: readonly string[]; readonly place: string }>;

/**
 * Reads a TOML file whose keys and tables are those of the options table. If it has both an option's key and its table,
 * the items of both count, in the order of the file.
 *
 * @param place where the path was given, for problems of the whole file
 * @param problems receives the problems; the keys without problems are returned
 */
export function readConfigFile(path: string, place: string, problems: Problem[]): FileTexts {
  const found = new Map<OptionKey, { readonly texts: readonly string[]; readonly place: string }>();
  const file = parseToml(path);
  if ('problem' in file) {
    problems.push(locate(place, file));
    return found;
  }
  for (const [name, value] of Object.entries(file.value)) {
    const placeInFile = `${name} in ${path}`;
    const report = (problem: Problem): void => {
      problems.push(locate(placeInFile, problem));
    };
    const read = readEntry(name, value);
    if ('problem' in read) {
      report(read);
      continue;
    }
    const { key, texts } = read.value;
    const { secret, table } = optionSpec(key);
    if (secret === true) for (const problem of privacyProblems(path)) report(notPrivate(problem));
    const earlier = found.get(key);
    if (earlier === undefined) found.set(key, { texts, place: placeInFile });
    else found.set(key, { texts: [...earlier.texts, ...texts], place: `${key} and ${table?.name} in ${path}` });
  }
  return found;
}

/** Reads one entry of the file: a key, or a table that stands for a key. */
function readEntry(
  name: string,
  value: unknown,
): Parsed<{ readonly key: OptionKey; readonly texts: readonly string[] }> {
  const tableKey = FILE_TABLES.get(name);
  if (tableKey !== undefined) {
    const texts = isTable(value) ? tableTexts(value, '') : undefined;
    return texts === undefined ? WRONG_TABLE : { value: { key: tableKey, texts } };
  }
  if (!isOptionKey(name) || !FILE_KEYS.includes(name)) return unknownKey(name);
  const texts = toTexts(value);
  if (texts === undefined) return WRONG_TYPE;
  if (Array.isArray(value) && optionSpec(name).list === undefined) return UNEXPECTED_LIST;
  return { value: { key: name, texts } };
}

const WRONG_TYPE: Problem = { problem: 'wrong type', remedy: 'write a string, a number, true or false, or a list' };
const WRONG_TABLE: Problem = {
  problem: 'wrong type',
  remedy: 'write a table whose lines are "name" = "value" or "name" = ["value", "value"]',
};
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
  const suggestion = nearest(name, [...FILE_KEYS, ...FILE_TABLES.keys()]);
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

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/**
 * Writes each value of a table as `key=value`. In TOML, a name without quotes is a path of tables: `corp.example = …`
 * is the table `corp` with the key `example`. Here it is the name.
 *
 * @returns undefined if a value is neither a scalar, a list of scalars nor such a path
 */
function tableTexts(table: Readonly<Record<string, unknown>>, path: string): readonly string[] | undefined {
  const texts: string[] = [];
  for (const [key, value] of Object.entries(table)) {
    const name = path + key;
    const found = isTable(value) ? tableTexts(value, `${name}.`) : toTexts(value)?.map((text) => `${name}=${text}`);
    if (found === undefined) return undefined;
    texts.push(...found);
  }
  return texts;
}
