import type { Config } from '../../config/config.ts';
import { describeDefault } from '../../config/describe.ts';
import { FILE_KEYS, optionSpec } from '../../config/options.ts';
import type { Setting, Settings } from '../../config/settings.ts';
import type { LogFormat } from '../../log/log-level.ts';

/** Where the remarks begin, if the settings before them are not longer. */
const REMARK_COLUMN = 44;

/** The effective configuration, for a person as a file that `--config` takes, or as one JSON object. */
export function renderConfig(config: Config, settings: Settings, format: LogFormat): string {
  if (format === 'json') {
    const sources = Object.fromEntries(settings.map(({ key, origin, place }) => [key, { origin, place }]));
    return `${JSON.stringify({ config, sources }, null, 2)}\n`;
  }
  const lines = settings.filter(({ key }) => FILE_KEYS.includes(key)).map(renderSetting);
  return ['# The configuration is valid. In effect is:', ...lines, ''].join('\n');
}

function renderSetting({ key, place, texts }: Setting): string {
  if (texts.length === 0) return `# ${key} is not set: ${describeDefault(key)}`;
  const { kind, list } = optionSpec(key);
  // JSON's strings are valid TOML strings.
  const values = texts.map((text) => (kind === 'integer' || kind === 'boolean' ? text : JSON.stringify(text)));
  const value = list === undefined ? values.join('') : `[${values.join(', ')}]`;
  return `${`${key} = ${value}`.padEnd(REMARK_COLUMN)} # ${place}`;
}
