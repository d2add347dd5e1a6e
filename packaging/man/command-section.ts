import type { CommandModel, FlagModel, ValueModel } from '../commands.ts';
import { mdocNotes, mdocText, mdocWord } from './mdoc.ts';
import { describeOption } from './option-text.ts';
import { toSentence } from './sentence.ts';

/** Renders the synopsis of a command. */
export function renderUsage({ name, flags, values }: CommandModel): string {
  const own = flags.filter(({ key, names }) => key === undefined && !names.includes('--help'));
  return [
    '.Nm',
    `.Cm ${mdocWord(name)}`,
    ...own.map((flag) => `.Op ${renderFlag(flag)}`),
    // The options table has too many flags to list here.
    ...(flags.some(({ key }) => key !== undefined) ? ['.Op Ar flag ...'] : []),
    ...values.map(renderOperand),
  ].join('\n');
}

/**
 * Renders the section of a command.
 *
 * @param earlier the preceding commands; flags of the table that they have are not described again
 */
export function renderCommand(command: CommandModel, earlier: readonly CommandModel[]): string[] {
  const home = (flag: FlagModel): CommandModel | undefined =>
    earlier.find(({ flags }) => flag.key !== undefined && flags.some(({ key }) => key === flag.key));
  const described = command.flags.filter((flag) => home(flag) === undefined);
  const groups = [...new Set(described.map(({ group }) => group))].toSorted((a, b) => order(a) - order(b));
  return [
    `.Ss ${mdocWord(command.name)}`,
    mdocText(toSentence(command.description)),
    ...renderList(command.values.map((value) => [mdocWord(value.placeholder), value])),
    ...groups.flatMap((group) => [
      ...(groups.length === 1 ? [] : ['.Pp', group ?? 'Other:']),
      '.Bl -tag -width indent',
      ...described
        .filter((flag) => flag.group === group)
        .flatMap((flag) => [`.It ${renderFlag(flag)}`, mdocText(docOf(flag))]),
      '.El',
    ]),
    ...earlier.flatMap((other) =>
      renderReference(
        other,
        command.flags.filter((flag) => home(flag) === other),
      ),
    ),
    ...(command.notes === '' ? [] : [mdocNotes(command.notes)]),
  ];
}

/** Flags without a heading, such as `--help`, come last. */
function order(group: string | undefined): number {
  return group === undefined ? 1 : 0;
}

function renderList(operands: readonly (readonly [word: string, value: ValueModel])[]): string[] {
  const documented = operands.filter(([, { doc }]) => doc !== undefined && doc !== '');
  if (documented.length === 0) return [];
  const items = documented.flatMap(([word, { doc = '' }]) => [`.It Ar ${word}`, mdocText(toSentence(doc))]);
  return ['.Bl -tag -width indent', ...items, '.El'];
}

function renderReference({ name }: CommandModel, flags: readonly FlagModel[]): string[] {
  if (flags.length === 0) return [];
  const words = flags.map(({ names }) => `\`${names[0]}\``).join(', ');
  return ['.Pp', mdocText(`The same as for \`${name}\`: ${words}.`)];
}

function renderOperand({ placeholder, required, variadic }: ValueModel): string {
  return `.${required ? '' : 'Op '}Ar ${mdocWord(placeholder)}${variadic ? ' ...' : ''}`;
}

function renderFlag({ names, value }: FlagModel): string {
  // `Fl` adds the first hyphen.
  const flags = names
    .toReversed()
    .map((name) => `Fl ${mdocWord(name.slice(1))}`)
    .join(' , ');
  if (value === undefined) return flags;
  const placeholder = `Ar ${mdocWord(value.placeholder)}`;
  return value.required ? `${flags} ${placeholder}` : `${flags} Oo ${placeholder} Oc`;
}

function docOf({ key, doc, default: value }: FlagModel): string {
  if (key !== undefined) return describeOption(key);
  return value === undefined ? toSentence(doc) : `${toSentence(doc)} Default: \`${value}\`.`;
}
