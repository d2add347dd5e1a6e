/** A value of the part of YAML that the docs use: maps, lists of scalars, `[]`, and scalars as they stand. */
export type Yaml = string | readonly string[] | { readonly [key: string]: Yaml };

/**
 * Parses a block of YAML.
 *
 * @throws for a line that is neither a key nor an item
 */
export function parseYaml(text: string): Yaml {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return parseLines(lines.map((line) => ({ indent: line.search(/\S/), words: line.trim() })));
}

interface Line {
  readonly indent: number;
  readonly words: string;
}

function parseLines(lines: readonly Line[]): Yaml {
  const [first] = lines;
  if (first === undefined) throw new Error('a key has no value');
  if (first.words.startsWith('- ')) {
    return lines.map(({ indent, words }) => {
      if (indent !== first.indent || !words.startsWith('- ')) throw new Error(`this is no item of the list: ${words}`);
      return words.slice(2);
    });
  }
  const map: Record<string, Yaml> = {};
  for (const [index, { indent, words }] of lines.entries()) {
    if (indent > first.indent) continue;
    const { key, value } = /^(?<key>[\w-]+):(?: (?<value>.+))?$/.exec(words)?.groups ?? {};
    if (indent < first.indent || key === undefined) throw new Error(`this is no key of the map: ${words}`);
    if (key in map) throw new Error(`this key is there twice: ${key}`);
    const rest = lines.slice(index + 1);
    const end = rest.findIndex((line) => line.indent <= indent);
    map[key] = value === '[]' ? [] : (value ?? parseLines(rest.slice(0, end === -1 ? rest.length : end)));
  }
  return map;
}
