/** What commander says, and what is said in its place: what it is about first, as in all other messages, and the next step last. */
const SENTENCES: readonly (readonly [RegExp, string])[] = [
  [/^option '(?:-\w, )?(--?[\w-]+)[^']*' argument '(.*)' is invalid\. (?:It )?(.*)\.$/s, "$1: '$2' $3"],
  [/^option '(?:-\w, )?(--?[\w-]+).*' argument missing$/, '$1: its value is missing'],
  [/^command-argument value '(.*)' is invalid for argument '(.*)'\. (?:It )?(.*)\.$/s, "<$2>: '$1' $3"],
  [/^missing required argument '(.*)'$/, '<$1>: is missing'],
  [/^too many arguments.* but got \d+: (.*)\.$/s, "'$1': is not expected here"],
  [/^unknown option '(--?[^=']*).*'$/s, '$1: there is no such flag'],
  [/^unknown command '(.*)'$/s, "'$1': there is no such command"],
];

/**
 * What is wrong with a command line, for a person.
 * @param text what commander would print
 * @param help the command line that prints the help which lists what is right
 */
export function toSentence(text: string, help: string): string {
  const [reason = '', suggestion] = text
    .trim()
    .replace(/^error: /, '')
    .split(/\n\(Did you mean (.*)\?\)$/s);
  const [pattern, sentence] = SENTENCES.find(([known]) => known.test(reason)) ?? [/^$/, ''];
  const remedy = suggestion === undefined ? `see ${help}` : `did you mean ${suggestion}?`;
  return `dns4tor: ${reason.replace(pattern, sentence)}; ${remedy}`;
}
