import { choicesOf } from './parse/kinds.ts';
import { type OptionKey, optionSpec } from './options.ts';
import { rangeText } from './parse/quantity.ts';

/** What the table says about an option's values, in words; for `--help` and README. */
export function describeValues(key: OptionKey): string {
  const spec = optionSpec(key);
  const choices = choicesOf(spec.kind);
  return choices.length > 0 ? choices.join(', ') : rangeText(spec);
}

/** What holds when the option is not given. */
export function describeDefault(key: OptionKey): string {
  const { default: text, unset = '' } = optionSpec(key);
  return text ?? unset;
}
