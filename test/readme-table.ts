// README's table of options, from the options table. `node test/readme-table.ts --write` puts it into README.md.
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { describeDefault, describeValues } from '../src/config/describe.ts';
import { envNamesOf, flagOf, OPTION_KEYS, type OptionKey, optionSpec } from '../src/config/options.ts';

export const README: URL = new URL('../README.md', import.meta.url);

const BEGIN = '<!-- options -->';
const END = '<!-- /options -->';

/** The text with the table between its two markers brought up to date. */
export function withOptionsTable(readme: string): string {
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin === -1 || end < begin) throw new Error(`README.md has no place for the options: ${BEGIN} … ${END}`);
  return `${readme.slice(0, begin)}${BEGIN}\n${renderOptionsTable()}${readme.slice(end)}`;
}

function renderOptionsTable(): string {
  return [
    '| flag | environment | default | what it does |',
    '|---|---|---|---|',
    ...OPTION_KEYS.map(renderRow),
    '',
  ].join('\n');
}

function renderRow(key: OptionKey): string {
  const { doc, list, default: text } = optionSpec(key);
  const notes = [describeValues(key), list === undefined ? '' : 'may be repeated'].filter((note) => note !== '');
  const cells = [
    `\`${flagOf(key)}\``,
    envNamesOf(key)
      .map((name) => `\`${name}\``)
      .join(', '),
    text === undefined ? describeDefault(key) : `\`${text}\``,
    notes.length === 0 ? doc : `${doc} (${notes.join('; ')})`,
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

if (import.meta.main && process.argv.includes('--write')) {
  writeFileSync(README, withOptionsTable(readFileSync(README, 'utf8')));
}
