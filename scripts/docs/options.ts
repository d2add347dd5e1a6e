import { describeDefault, describeValues } from '../../src/config/option-values.ts';
import { envNamesOf, flagOf, OPTION_KEYS, type OptionKey, optionSpec } from '../../src/config/options.ts';
import { RELOADED_OPTIONS } from '../../src/daemon/reload/restart-options.ts';
import { renderTable } from './markdown.ts';

/** The groups of the options table, in its order. */
export const OPTION_GROUPS: readonly string[] = [...new Set(OPTION_KEYS.map((key) => optionSpec(key).group))];

/** The tables of options in docs/configuration.md, one for each group. */
export function renderOptions(): string {
  return OPTION_GROUPS.map((group) => {
    const rows = OPTION_KEYS.filter((key) => optionSpec(key).group === group).map(optionCells);
    return `### ${group}\n\n${renderTable(['flag', 'environment', 'default', 'what it does'], rows)}`;
  }).join('\n');
}

function optionCells(key: OptionKey): readonly string[] {
  const { doc, list, default: text } = optionSpec(key);
  const notes = [describeValues(key), list === undefined ? '' : 'may be repeated'].filter((note) => note !== '');
  const variables = envNamesOf(key).map((name) => `\`${name}\``);
  return [
    `\`${flagOf(key)}\``,
    variables.join(', '),
    text === undefined ? describeDefault(key) : `\`${text}\``,
    notes.length === 0 ? doc : `${doc} (${notes.join('; ')})`,
  ];
}

/** Options that are only for the command line, or do nothing. */
const WITHOUT_VALUE: ReadonlySet<OptionKey> = new Set(['bootstrap', 'config', 'check']);

/** The table of the options that a reload puts into force. */
export function renderReloadedOptions(): string {
  const keys = RELOADED_OPTIONS.filter((key) => !WITHOUT_VALUE.has(key));
  const rows = OPTION_GROUPS.map((group) => [group, keys.filter((key) => optionSpec(key).group === group)] as const)
    .filter(([, ofGroup]) => ofGroup.length > 0)
    .map(([group, ofGroup]) => [group, ofGroup.map((key) => `\`${key}\``).join(', ')]);
  return renderTable(['group', 'options'], rows);
}
