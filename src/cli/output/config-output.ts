import type { Config } from '../../config/config.ts';
import type { Setting, Settings } from '../../config/load.ts';
import { describeDefault } from '../../config/option-values.ts';
import { FILE_KEYS, optionSpec } from '../../config/options.ts';
import type { LogFormat } from '../../log/log-level.ts';

/** Column of the comments, unless a setting is longer. */
const COMMENT_COLUMN = 44;

/** Renders the effective configuration: as a file for `--config`, or as one JSON object. */
export function renderConfig(config: Config, settings: Settings, format: LogFormat): string {
  if (format === 'json') {
    const sources = Object.fromEntries(settings.map(({ key, origin, place }) => [key, { origin, place }]));
    return `${JSON.stringify({ config, sources }, null, 2)}\n`;
  }
  const lines = settings.filter(({ key }) => FILE_KEYS.includes(key)).map(renderSetting);
  return ['# The configuration is valid. Effective settings:', ...lines, ''].join('\n');
}

function renderSetting({ key, place, texts }: Setting): string {
  if (texts.length === 0) return `# ${key} is not set: ${describeDefault(key)}`;
  const { kind, list } = optionSpec(key);
  // A JSON string is a valid TOML string.
  const values = texts.map((text) => (kind === 'integer' || kind === 'boolean' ? text : JSON.stringify(text)));
  const value = list === undefined ? values.join('') : `[${values.join(', ')}]`;
  return `${`${key} = ${value}`.padEnd(COMMENT_COLUMN)} # ${place}`;
}
