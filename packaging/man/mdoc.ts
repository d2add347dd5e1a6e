import { wrapLine } from '../wrap.ts';

const LONG_WORD_CHARS = 60;

/** Converts text to mdoc(7), with each sentence on a new line. Text in backticks becomes bold. */
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

/** Renders lines literally, in a fixed-width font. */
export function mdocLiteral(lines: readonly string[]): string {
  const body = lines.map((line) => protectLine(escapeLiteral(line)));
  return ['.Bd -literal -offset 4n', ...body, '.Ed'].join('\n');
}

/** Escapes one argument of a macro. Unescaped, it could be taken for a macro, or be split at spaces. */
export function mdocWord(text: string): string {
  const escaped = escapeLiteral(text).replaceAll(' ', '\\ ').replaceAll('"', '\\(dq');
  return /^(?:[A-Z][a-z]{1,2}|[.,:;()[\]?!|])$/.test(text) ? `\\&${escaped}` : escaped;
}

/** Renders a command's notes. Each block is a paragraph, or a heading with indented lines. */
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

/** Prevents line breaks within a path or URL. If it is longer than a line, it may break after a slash. */
function unhyphenated(word: string): string {
  return `\\%${word.length > LONG_WORD_CHARS ? word.replaceAll('/', '/\\:') : word}`;
}

/** Marks hyphens that users type, as in flags. Without the backslash, man shows a typographic hyphen. */
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

/** Escapes backslashes and non-ASCII characters, so that the page does not depend on an encoding. */
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

/** A line that begins with a dot or an apostrophe would be a request. */
function protectLine(line: string): string {
  return /^[.']/.test(line) ? `\\&${line}` : line;
}
