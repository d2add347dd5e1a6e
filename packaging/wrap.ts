const LINE_COLUMNS = 76;

/** Breaks a line between words so that none of its parts, if words allow, is longer than `columns`. What backticks hold stays together. */
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
