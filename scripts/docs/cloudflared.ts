import { IGNORED_GROUPS, type IgnoredFlag, TUNNEL_FLAGS } from '../../src/cli/cloudflared/cloudflared-flags.ts';
import { RENAMED_OPTIONS } from '../../src/config/cloudflared/renamed-options.ts';
import { envNamesOf, flagOf, OPTION_KEYS, type OptionKey, optionSpec } from '../../src/config/options.ts';
import { renderTable } from './markdown.ts';

const code = (text: string): string => `\`${text}\``;

/** The options of cloudflared that work here, in docs/cloudflared.md. */
export function renderCloudflaredOptions(): string {
  const renamed = new Map(Object.entries(RENAMED_OPTIONS).map(([name, key]) => [key, name]));
  const keys = OPTION_KEYS.filter((key) => renamed.has(key) || optionSpec(key).cloudflaredEnv !== undefined);
  const rows = keys.map((key: OptionKey) => {
    const name = renamed.get(key);
    return [
      [flagOf(key), ...(name === undefined ? [] : [`--${name}`])].map(code).join(', '),
      envNamesOf(key)
        .filter((variable) => variable.startsWith('TUNNEL_'))
        .map(code)
        .join(', '),
      code(name ?? key),
      code(key),
    ];
  });
  return renderTable(['flags', 'environment', "key in cloudflared's YAML", 'key in TOML'], rows);
}

/** The options of cloudflared that are accepted and ignored. */
export function renderCloudflaredIgnored(): string {
  const rows = IGNORED_GROUPS.map(({ reason, flags }) => [...cellsOf(flags), reason]);
  return renderTable(['flags and YAML keys', 'environment', 'why they are ignored'], rows);
}

/** The options of cloudflared that are refused. */
export function renderCloudflaredRefused(): string {
  return renderTable(['flags', 'environment'], [cellsOf(TUNNEL_FLAGS)]);
}

function cellsOf(flags: readonly IgnoredFlag[]): readonly [string, string] {
  return [
    flags.map(({ name }) => code(`--${name}`)).join(', '),
    flags
      .flatMap(({ env }) => env)
      .map(code)
      .join(', '),
  ];
}
