import { type FileTexts, placeInFile, readConfigFile } from './config-file.ts';
import { envNamesOf, flagOf, OPTION_KEYS, type OptionKey, optionSpec } from './options.ts';
import type { Setting, Settings } from './settings.ts';

/** What the options may be set by, besides the file that they name. */
export interface Sources {
  /** The texts of each flag that was given, in order. */
  readonly flags: Readonly<Partial<Record<OptionKey, readonly string[]>>>;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface Loaded {
  readonly settings: Settings;
  /** What is wrong with the file, as sentences. */
  readonly problems: readonly string[];
}

type FoundTexts = Pick<Setting, 'origin' | 'place' | 'texts'>;

/** Finds each option's strongest setting: a flag, else the environment, else the file, else the default. */
export function loadSettings({ flags, env }: Sources): Loaded {
  const problems: string[] = [];
  const fromCommand = (key: OptionKey): FoundTexts | undefined => fromFlags(key, flags) ?? fromEnv(key, env);

  const config = fromCommand('config');
  const path = config?.texts.at(-1) ?? '';
  const file: FileTexts = config === undefined ? new Map() : readConfigFile(path, config.place, problems);
  const settings = OPTION_KEYS.map((key): Setting => {
    const { origin, place, texts } = fromCommand(key) ?? fromFile(key, path, file) ?? fromDefault(key);
    return { key, origin, place, texts: effectiveTexts(key, texts) };
  });
  return { settings, problems };
}

function fromFlags(key: OptionKey, flags: Sources['flags']): FoundTexts | undefined {
  const texts = flags[key];
  return texts && { origin: 'flag', place: flagOf(key), texts };
}

/** An empty variable counts as unset: unit files and containers cannot take a variable away, only empty it. */
function fromEnv(key: OptionKey, env: Sources['env']): FoundTexts | undefined {
  for (const name of envNamesOf(key)) {
    const text = env[name];
    if (text !== undefined && text !== '') return { origin: 'env', place: name, texts: [text] };
  }
  return undefined;
}

function fromFile(key: OptionKey, path: string, file: FileTexts): FoundTexts | undefined {
  const texts = file.get(key);
  return texts && { origin: 'file', place: placeInFile(key, path), texts };
}

function fromDefault(key: OptionKey): FoundTexts {
  const text = optionSpec(key).default;
  return { origin: 'default', place: 'default', texts: text === undefined ? [] : [text] };
}

/** Takes lists apart; of an option that takes one value the last one counts, as it does for other commands. */
function effectiveTexts(key: OptionKey, texts: readonly string[]): readonly string[] {
  const { list } = optionSpec(key);
  if (list === undefined) return texts.slice(-1);
  return texts
    .flatMap((text) => text.split(list.separator))
    .map((text) => text.trim())
    .filter((text) => text !== '');
}
