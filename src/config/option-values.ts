import { type OPTIONS, type OptionKey, optionSpec } from './options.ts';
import { choicesOf, type KindValues } from './parse/kinds.ts';
import { rangeText } from './parse/quantity.ts';

type Specs = typeof OPTIONS;
type ValueOf<Spec extends Specs[OptionKey]> = KindValues[Spec['kind']];

/** The parsed value of each option: an array for a list, undefined for an option that is not set. */
export type Values = {
  readonly [Key in OptionKey]: Specs[Key] extends { readonly list: unknown }
    ? readonly ValueOf<Specs[Key]>[]
    : ValueOf<Specs[Key]> | (Specs[Key] extends { readonly default: string } ? never : undefined);
};

/** Describes the values that an option takes, for help and documentation. Empty if nothing limits them. */
export function describeValues(key: OptionKey): string {
  const spec = optionSpec(key);
  const choices = choicesOf(spec.kind);
  return choices.length > 0 ? choices.join(', ') : rangeText(spec);
}

/** Describes what applies if the option is not given, for help and documentation. */
export function describeDefault(key: OptionKey): string {
  const { default: text, unset = '' } = optionSpec(key);
  return text ?? unset;
}
