import { type FileTexts, readConfigFile } from './config-file.ts';
import type { Problem } from './config-problem.ts';
import { envNamesOf, flagOf, OPTION_KEYS, type OptionKey, optionSpec } from './options.ts';

/** Where options are set, besides the configuration file that they name. */
export interface Sources {
  /** The texts of each flag that was given, in order. */
  readonly flags: Readonly<Partial<Record<OptionKey, readonly string[]>>>;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The unparsed texts of one option. */
export interface Setting {
  readonly key: OptionKey;
  /** Where the texts are from. A flag overrides the environment, which overrides the file. */
  readonly origin: 'default' | 'file' | 'env' | 'flag';
  /** The place, for people: `--port`, `TUNNEL_DNS_PORT`, `port in /etc/dns4tor.toml`, `default`. */
  readonly place: string;
  /** The items of a list, or one text. Empty if the option is not set. */
  readonly texts: readonly string[];
}

/** One setting per option, in the table's order. */
export type Settings = readonly Setting[];

/** The settings of all sources, and the problems found on the way. */
export interface Loaded {
  readonly settings: Settings;
  /** Problems of the configuration file. */
  readonly problems: readonly Problem[];
}

type FoundTexts = Pick<Setting, 'origin' | 'place' | 'texts'>;

/** Finds the setting of each option that takes precedence: the flag, else environment, file or default. */
export function loadSettings({ flags, env }: Sources): Loaded {
  const problems: Problem[] = [];
  const fromCommand = (key: OptionKey): FoundTexts | undefined => fromFlags(key, flags) ?? fromEnv(key, env);

  const config = fromCommand('config');
  const path = config?.texts.at(-1) ?? '';
  const file: FileTexts = config === undefined ? new Map() : readConfigFile(path, config.place, problems);
  const settings = OPTION_KEYS.map((key): Setting => {
    const { origin, place, texts } = fromCommand(key) ?? fromFile(key, file) ?? fromDefault(key);
    return { key, origin, place, texts: effectiveTexts(key, texts) };
  });
  return { settings, problems };
}

function fromFlags(key: OptionKey, flags: Sources['flags']): FoundTexts | undefined {
  const texts = flags[key];
  return texts && { origin: 'flag', place: flagOf(key), texts };
}

/** An empty variable counts as unset, since unit files and containers can empty a variable but not remove it. */
function fromEnv(key: OptionKey, env: Sources['env']): FoundTexts | undefined {
  for (const name of envNamesOf(key)) {
    const text = env[name];
    if (text !== undefined && text !== '') return { origin: 'env', place: name, texts: [text] };
  }
  return undefined;
}

function fromFile(key: OptionKey, file: FileTexts): FoundTexts | undefined {
  const found = file.get(key);
  return found && { origin: 'file', ...found };
}

function fromDefault(key: OptionKey): FoundTexts {
  const text = optionSpec(key).default;
  return { origin: 'default', place: 'default', texts: text === undefined ? [] : [text] };
}

/** Splits lists. If an option that takes one value is repeated, the last value counts, as is usual for commands. */
function effectiveTexts(key: OptionKey, texts: readonly string[]): readonly string[] {
  const { list } = optionSpec(key);
  if (list === undefined) return texts.slice(-1);
  return texts
    .flatMap((text) => text.split(list.separator))
    .map((text) => text.trim())
    .filter((text) => text !== '');
}
