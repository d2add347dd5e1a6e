import process from 'node:process';
import { Help } from 'commander';

/** Beside longer flags there is no room for what they do, on a terminal of 80 columns. */
const MAX_TERM_COLUMNS = 30;
const ITEM_INDENT = '  ';
const DESCRIPTION_INDENT = '          ';

/** The layout of help, for commander: what a flag does stands beside it, or below it where some flags of the command are long. */
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
 * Notes behind a command's help: paragraphs, and headings with examples below them, between empty lines. Where the terminal is narrower than
 * they were written they are broken anew; where there is none they stay as they are.
 */
export function fitted(notes: string): () => string {
  return () => (process.stdout.isTTY ? fitNotes(notes, process.stdout.columns) : notes);
}

/** Breaks what is longer than the terminal is wide. */
export function fitNotes(notes: string, columns: number): string {
  if (notes.split('\n').every((line) => line.length <= columns)) return notes;
  return notes
    .split('\n\n')
    .map((block) => (/\n {2}/.test(block) ? fitExamples(block, columns) : fitParagraph(block, columns)))
    .join('\n\n');
}

function fitParagraph(block: string, columns: number): string {
  const text = wrapped(block.trim().replaceAll('\n', ' '), columns);
  // A note begins and ends with a line's end.
  return `${block.startsWith('\n') ? '\n' : ''}${text}${block.endsWith('\n') ? '\n' : ''}`;
}

/** What an example does goes below it. */
function fitExamples(block: string, columns: number): string {
  const lines = block.split('\n').flatMap((line) => {
    const [, example = line, meaning] = /^( {2}\S.*?) {2,}(\S.*)$/.exec(line) ?? [];
    if (line.length <= columns || meaning === undefined) return fitContinuation(line, columns);
    return [example, ...fitContinuation(`${DESCRIPTION_INDENT}${meaning}`, columns)];
  });
  return lines.join('\n');
}

/** A line that is deeper indented says more about the example above it. */
function fitContinuation(line: string, columns: number): readonly string[] {
  const text = line.trimStart();
  if (!line.startsWith(DESCRIPTION_INDENT)) return [line];
  const lines = wrapped(text, columns - DESCRIPTION_INDENT.length).split('\n');
  return lines.map((one) => `${DESCRIPTION_INDENT}${one}`);
}

function wrapped(text: string, columns: number): string {
  return Object.assign(new Help(), HELP_LAYOUT).boxWrap(text, columns);
}
