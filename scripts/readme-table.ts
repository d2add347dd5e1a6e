// README's tables of options and of what is logged, from the tables in the code. `node scripts/readme-table.ts --write` puts them into README.md.
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { describeDefault, describeValues } from '../src/config/describe.ts';
import { envNamesOf, flagOf, OPTION_KEYS, type OptionKey, optionSpec } from '../src/config/options.ts';
import { eventSpec, fieldSpec, LOG_EVENTS, LOG_FIELDS, type LogEvent, type LogField } from '../src/log/log-events.ts';

export const README: URL = new URL('../README.md', import.meta.url);

/** By the name in their markers: `<!-- options -->` … `<!-- /options -->`. */
const TABLES: Readonly<Record<string, () => string>> = {
  options: () => renderTable(['flag', 'environment', 'default', 'what it does'], OPTION_KEYS.map(optionCells)),
  events: () =>
    renderTable(['`event`', '`level`', 'message', 'fields'], (Object.keys(LOG_EVENTS) as LogEvent[]).map(eventCells)),
  fields: () => renderTable(['field', 'type', 'what it says'], (Object.keys(LOG_FIELDS) as LogField[]).map(fieldCells)),
};

/** The text with the tables between their markers brought up to date. */
export function withTables(readme: string): string {
  return Object.entries(TABLES).reduce((text, [name, render]) => withTable(text, name, render()), readme);
}

function withTable(readme: string, name: string, table: string): string {
  const [beginMark, endMark] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const begin = readme.indexOf(beginMark);
  const end = readme.indexOf(endMark);
  if (begin === -1 || end < begin) throw new Error(`README.md has no place for the ${name}: ${beginMark} … ${endMark}`);
  return `${readme.slice(0, begin)}${beginMark}\n${table}${readme.slice(end)}`;
}

export function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => ''), ...rows].map((cells, index) =>
    index === 1
      ? `|${'---|'.repeat(head.length)}`
      : `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`,
  );
  return `${lines.join('\n')}\n`;
}

function optionCells(key: OptionKey): readonly string[] {
  const { doc, list, default: text } = optionSpec(key);
  const notes = [describeValues(key), list === undefined ? '' : 'may be repeated'].filter((note) => note !== '');
  return [
    `\`${flagOf(key)}\``,
    envNamesOf(key)
      .map((name) => `\`${name}\``)
      .join(', '),
    text === undefined ? describeDefault(key) : `\`${text}\``,
    notes.length === 0 ? doc : `${doc} (${notes.join('; ')})`,
  ];
}

function eventCells(event: LogEvent): readonly string[] {
  const { levels, message, fields } = eventSpec(event);
  return [`\`${event}\``, levels.join(', '), message, fields.map((field) => `\`${field}\``).join(', ')];
}

function fieldCells(field: LogField): readonly string[] {
  const { type, doc } = fieldSpec(field);
  return [`\`${field}\``, type, doc];
}

if (import.meta.main && process.argv.includes('--write')) {
  writeFileSync(README, withTables(readFileSync(README, 'utf8')));
}
