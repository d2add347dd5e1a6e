import type { KindValues } from './parse/kinds.ts';
import type { OptionKey, OPTIONS } from './options.ts';

type Specs = typeof OPTIONS;

type ValueOf<Spec extends Specs[OptionKey]> = KindValues[Spec['kind']];

/** What each option's texts turn into: of a list several values, of an option without a default possibly none. */
export type Values = {
  readonly [Key in OptionKey]: Specs[Key] extends { readonly list: unknown }
    ? readonly ValueOf<Specs[Key]>[]
    : ValueOf<Specs[Key]> | (Specs[Key] extends { readonly default: string } ? never : undefined);
};
