import { type Problem, refuse } from '../config-problem.ts';
import { isOptionKey } from '../options.ts';
import { RENAMED_OPTIONS } from './renamed-options.ts';

/** Switches of cloudflared's file that have no key here: `proxy-dns` is the command. */
const NEEDLESS: ReadonlySet<string> = new Set(['proxy-dns', 'no-autoupdate']);

/**
 * Refuses a configuration file of cloudflared, and names the keys that replace its keys. Quotes no values.
 *
 * @param text the content of the file
 */
export function refuseYaml(path: string, text: string): Problem {
  const keys = [...text.matchAll(/^(?<key>[a-z][a-z0-9-]*)\s*:/gm)].map(({ groups }) => groups?.['key'] ?? '');
  const translations = keys
    .filter((key) => !NEEDLESS.has(key))
    .map((key) => {
      const renamed = RENAMED_OPTIONS[key];
      if (renamed !== undefined) return `${key} is ${renamed}`;
      return isOptionKey(key) ? `${key} is the same` : `leave out ${key}`;
    });
  const list = translations.length === 0 ? '' : ` (${translations.join(', ')})`;
  return refuse(
    path,
    'is YAML, as for cloudflared, but dns4tor reads TOML',
    `write KEY = VALUE lines into a .toml file${list}; docs/cloudflared.md has an example`,
  );
}

/** Whether a path names a YAML file. */
export function isYamlPath(path: string): boolean {
  return /\.ya?ml$/i.test(path);
}
