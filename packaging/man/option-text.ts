import { describeDefault, describeValues } from '../../src/config/option-values.ts';
import { type OptionKey, optionSpec } from '../../src/config/options.ts';
import { choicesOf } from '../../src/config/parse/kinds.ts';
import { toSentence } from './sentence.ts';

/** Describes an option of the table in sentences. */
export function describeOption(key: OptionKey): string {
  const { kind, doc, list, default: text } = optionSpec(key);
  const values = describeValues(key);
  const label = choicesOf(kind).length > 0 ? 'One of' : 'Range:';
  return [
    toSentence(doc),
    ...(values === '' ? [] : [`${label} ${values}.`]),
    ...(list === undefined ? [] : ['May be repeated.']),
    `Default: ${text === undefined ? describeDefault(key) : `\`${text}\``}.`,
  ].join(' ');
}
