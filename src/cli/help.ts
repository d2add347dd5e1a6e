import process from 'node:process';
import { Help } from 'commander';
import { columnsOf } from './output/terminal-size.ts';

/** Longer flags leave no room for a description beside them on a terminal of 80 columns. */
const MAX_TERM_COLUMNS = 31;
const ITEM_INDENT = '  ';
const DESCRIPTION_INDENT = '          ';

/** Layout of commander's help. Descriptions are beside the flags, or below them if a command has long flags. */
export const HELP_LAYOUT: Pick<Help, 'formatItem'> & { readonly minWidthToWrap: number } = {
  minWidthToWrap: 20,
  formatItem(term, termWidth, description, helper) {
    if (termWidth <= MAX_TERM_COLUMNS || description === '') {
      return Help.prototype.formatItem.call(helper, term, termWidth, description, helper);
    }
    const text = helper.boxWrap(description, (helper.helpWidth ?? 80) - DESCRIPTION_INDENT.length);
    return `${ITEM_INDENT}${term}\n${text.replace(/^/gm, DESCRIPTION_INDENT)}`;
  },
};

/**
 * Fits the notes below a command's help to the terminal. Notes are paragraphs, and headings followed by examples,
 * separated by empty lines. If stdout is not a terminal, they stay as they are.
 */
export function fitted(notes: string): () => string {
  return () => (process.stdout.isTTY ? fitNotes(notes, columnsOf(process.stdout)) : notes);
}

/** Wraps notes whose lines are longer than the terminal is wide. */
export function fitNotes(notes: string, columns: number): string {
  if (notes.split('\n').every((line) => line.length <= columns)) return notes;
  return notes
    .split('\n\n')
    .map((block) => (/\n {2}/.test(block) ? fitExamples(block, columns) : fitParagraph(block, columns)))
    .join('\n\n');
}

function fitParagraph(block: string, columns: number): string {
  const text = wrapped(block.trim().replaceAll('\n', ' '), columns);
  // Keeps the newlines around the notes.
  return `${block.startsWith('\n') ? '\n' : ''}${text}${block.endsWith('\n') ? '\n' : ''}`;
}

/** Moves the description of an example below it. */
function fitExamples(block: string, columns: number): string {
  const lines = block.split('\n').flatMap((line) => {
    const [, example = line, meaning] = /^( {2}\S.*?) {2,}(\S.*)$/.exec(line) ?? [];
    if (line.length <= columns || meaning === undefined) return fitContinuation(line, columns);
    return [example, ...fitContinuation(`${DESCRIPTION_INDENT}${meaning}`, columns)];
  });
  return lines.join('\n');
}

/** Wraps a line with the indentation of a description. */
function fitContinuation(line: string, columns: number): readonly string[] {
  const text = line.trimStart();
  if (!line.startsWith(DESCRIPTION_INDENT)) return [line];
  const lines = wrapped(text, columns - DESCRIPTION_INDENT.length).split('\n');
  return lines.map((one) => `${DESCRIPTION_INDENT}${one}`);
}

function wrapped(text: string, columns: number): string {
  return Object.assign(new Help(), HELP_LAYOUT).boxWrap(text, columns);
}
