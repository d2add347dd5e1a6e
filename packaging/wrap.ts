const LINE_COLUMNS = 76;

/** Wraps a line between words. Text in backticks is never broken, and a word longer than `columns` stays whole. */
export function wrapLine(text: string, columns: number = LINE_COLUMNS): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.match(/`[^`]*`\S*|\S+/g) ?? []) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (longer.length <= columns || line === '') {
      line = longer;
    } else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line];
}
