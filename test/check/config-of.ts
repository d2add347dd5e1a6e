import type { Config } from '../../src/config/config.ts';
import { loadSettings } from '../../src/config/load.ts';
import { isOptionKey, type OptionKey } from '../../src/config/options.ts';
import { validate } from '../../src/config/validate.ts';

/** Builds the configuration from pairs of a flag and its value, and defaults. */
export function configOf(...flags: readonly string[]): Config {
  const texts: Partial<Record<OptionKey, readonly string[]>> = {};
  for (let index = 0; index < flags.length; index += 2) {
    const [flag = '', value = ''] = flags.slice(index, index + 2);
    const key = flag.slice(2);
    if (!isOptionKey(key)) throw new Error(`there is no flag ${flag}`);
    texts[key] = [...(texts[key] ?? []), value];
  }
  return validate(loadSettings({ flags: texts, env: {} }));
}
