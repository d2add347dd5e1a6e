/** One command of a shell block: its words, without quotes, `sudo` and redirections. */
export type ShellCommand = readonly string[];

/**
 * The commands of a shell block: one for each line, `&&`, `|` and `;`. Knows the part of the shell's language that the
 * docs use: quotes, comments, `$(…)` in double quotes.
 *
 * @throws for a quote that does not end
 */
export function parseShell(text: string): readonly ShellCommand[] {
  return text.split('\n').flatMap((line) => splitCommands(toWords(line)));
}

const SEPARATORS: ReadonlySet<string> = new Set(['&&', '|', ';']);

function splitCommands(words: readonly string[]): ShellCommand[] {
  const commands: string[][] = [[]];
  for (const word of words) {
    if (SEPARATORS.has(word)) commands.push([]);
    else commands.at(-1)?.push(word);
  }
  return commands
    .filter(({ length }) => length > 0)
    .map(([first = '', ...rest]) => (first === 'sudo' ? rest : [first, ...rest]));
}

function toWords(line: string): string[] {
  const words: string[] = [];
  let rest = line.trim();
  while (rest !== '' && !rest.startsWith('#')) {
    const word = /^(?:'[^']*'|"[^"]*"|[^\s'"])+/.exec(rest)?.[0];
    if (word === undefined) throw new Error(`a quote has no end: ${line}`);
    words.push(
      word.replaceAll(/'([^']*)'|"([^"]*)"/g, (_, single?: string, double?: string) => single ?? double ?? ''),
    );
    rest = rest.slice(word.length).trimStart();
  }
  return words;
}
