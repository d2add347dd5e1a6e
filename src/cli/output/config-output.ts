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
  const upstreams = describeUpstreams(config, settings);
  const bridges = countBridges(config);
  return [
    '# The configuration is valid. Effective settings:',
    ...lines,
    ...(upstreams === '' ? [] : [`# Upstreams, as they are used: ${upstreams}`]),
    ...(bridges === '' ? [] : [`# Bridges, with those of files: ${bridges}`]),
    '',
  ].join('\n');
}

/** The upstreams if they differ from their texts, such as DNS stamps and URLs without a path. Empty otherwise. */
function describeUpstreams({ upstreams }: Config, settings: Settings): string {
  const texts = settings.find(({ key }) => key === 'upstream')?.texts ?? [];
  if (upstreams.every(({ url }, index) => url === texts[index])) return '';
  return upstreams
    .map(({ url, chainHashes }) => (chainHashes.length === 0 ? url : `${url} (${countHashes(chainHashes.length)})`))
    .join(', ');
}

function countHashes(count: number): string {
  return count === 1 ? 'with a certificate hash' : `with ${count} certificate hashes`;
}

/** How many bridges of each transport, such as `2 obfs4, 1 vanilla`. Their lines are secret. */
function countBridges({ tor }: Config): string {
  const groups = Map.groupBy(tor.bridges, ({ transport }) => transport);
  return [...groups].map(([transport, { length }]) => `${length} ${transport}`).join(', ');
}

function renderSetting({ key, place, texts }: Setting): string {
  if (texts.length === 0) return `# ${key} is not set: ${describeDefault(key)}`;
  const { kind, list, secret } = optionSpec(key);
  if (secret === true) return `${`# ${key}: ${texts.length} set, not shown`.padEnd(COMMENT_COLUMN)} # ${place}`;
  // A JSON string is a valid TOML string.
  const values = texts.map((text) => (kind === 'integer' || kind === 'boolean' ? text : JSON.stringify(text)));
  const value = list === undefined ? values.join('') : `[${values.join(', ')}]`;
  return `${`${key} = ${value}`.padEnd(COMMENT_COLUMN)} # ${place}`;
}
