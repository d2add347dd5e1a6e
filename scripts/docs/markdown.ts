/** A Markdown table with one line per row. */
export function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, ...rows].map((cells) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`.replaceAll('|  |', '| |'),
  );
  return `${[lines[0], `|${'---|'.repeat(head.length)}`, ...lines.slice(1)].join('\n')}\n`;
}

/** A fenced code block. */
export function renderBlock(language: string, text: string): string {
  return `\`\`\`${language}\n${text.trimEnd()}\n\`\`\`\n`;
}

/**
 * Replaces what stands between `<!-- NAME -->` and `<!-- /NAME -->` with what `renderers` has under NAME.
 *
 * @throws if a marker has no end, or no renderer
 */
export function fillSections(page: string, renderers: Readonly<Record<string, () => string>>): string {
  return page.replace(/<!-- ([\w-]+) -->\n(?:.*?<!-- \/\1 -->)?/gs, (found, name: string) => {
    const render = renderers[name];
    if (render === undefined) throw new Error(`nothing renders the section "${name}"`);
    if (!found.endsWith(`<!-- /${name} -->`)) throw new Error(`the section "${name}" has no end`);
    return `<!-- ${name} -->\n${render().trim()}\n<!-- /${name} -->`;
  });
}
