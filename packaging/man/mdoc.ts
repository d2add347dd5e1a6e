import { wrapLine } from '../wrap.ts';

const LONG_WORD_CHARS = 60;

/** Text that `man` shows as it stands, in mdoc(7), where each sentence begins a line; what stands in backticks is typed. */
export function mdocText(text: string): string {
  const sentences = text
    .replace(/\s+/g, ' ')
    .trim()
    .split(/(?<=[.?!]) /);
  return sentences
    .flatMap((sentence) => wrapLine(sentence))
    .map((line) => protectLine(inlineCode(escapeText(line))))
    .join('\n');
}

/** Lines that keep their breaks and spaces, in a font of fixed width. */
export function mdocLiteral(lines: readonly string[]): string {
  const body = lines.map((line) => protectLine(escapeLiteral(line)));
  return ['.Bd -literal -offset 4n', ...body, '.Ed'].join('\n');
}

/** A word of a macro's line. Names of macros are words like others there, and quotes would hold it together. */
export function mdocWord(text: string): string {
  const escaped = escapeLiteral(text).replaceAll(' ', '\\ ').replaceAll('"', '\\(dq');
  return /^(?:[A-Z][a-z]{1,2}|[.,:;()[\]?!|])$/.test(text) ? `\\&${escaped}` : escaped;
}

/** A paragraph for each block of a command's notes: text, or a heading with indented lines below it. */
export function mdocNotes(notes: string): string {
  return notes
    .split(/\n{2,}/)
    .filter((block) => block !== '')
    .map((block) => {
      const [heading = '', ...rest] = block.split('\n');
      if (!rest.every((line) => line.startsWith('  ')) || rest.length === 0) return `.Pp\n${mdocText(block)}`;
      return `.Pp\n${mdocText(heading)}\n${mdocLiteral(rest.map((line) => line.slice('  '.length)))}`;
    })
    .join('\n');
}

function escapeText(text: string): string {
  return escapeCommon(text)
    .replace(/(?<![^\s(`'"=])-{1,2}(?=\w)\S*/g, typedHyphens)
    .replace(/[^\s`(]*\w[./:_=]\w[^\s`]*/g, unhyphenated);
}

/** A path or an address is not to be broken as words are; one that is longer than a line is, behind its slashes. */
function unhyphenated(word: string): string {
  return `\\%${word.length > LONG_WORD_CHARS ? word.replaceAll('/', '/\\:') : word}`;
}

/** A hyphen that is typed, as in a flag, is another character than the one between two words. */
function typedHyphens(text: string): string {
  return text.replace(/(?<!\\)-/g, '\\-');
}

function escapeLiteral(text: string): string {
  const signs: Readonly<Record<string, string>> = {
    '-': '\\-',
    '`': '\\(ga',
    "'": '\\(aq',
    '^': '\\(ha',
    '~': '\\(ti',
  };
  return escapeCommon(text).replace(/[-`'^~]/g, (sign) => signs[sign] ?? sign);
}

/** Backslashes, and what is not ASCII, so that the page is the same in whatever encoding it is read. */
function escapeCommon(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replace(
      /[^ -~]/gu,
      (character) => `\\[u${character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}]`,
    );
}

function inlineCode(text: string): string {
  return text.replace(/`(?<code>[^`]+)`/g, (_, code: string) => `\\fB${typedHyphens(code)}\\fP`);
}

/** A dot or an apostrophe at a line's beginning would make a request of it. */
function protectLine(line: string): string {
  return /^[.']/.test(line) ? `\\&${line}` : line;
}
