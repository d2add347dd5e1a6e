import type { Argument, Command, Option } from 'commander';
import { isOptionKey, type OptionKey, optionSpec } from '../src/config/options.ts';
import { choicesOf, type OptionKind } from '../src/config/parse/kinds.ts';

/** How a value is completed: one of a set of words, a file name, or not at all. */
export type Completion = readonly string[] | 'files' | 'unknown';

/** An argument of a command, or the value of a flag. */
export interface ValueModel {
  readonly placeholder: string;
  readonly required: boolean;
  readonly completion: Completion;
  /** Whether it may be repeated. */
  readonly variadic: boolean;
  /** Absent for the value of a flag. */
  readonly doc?: string;
}

export interface FlagModel {
  /** Spellings with their hyphens, the long one first. */
  readonly names: readonly string[];
  readonly value?: ValueModel;
  /** Description in commander's help. */
  readonly doc: string;
  /** First clause of the description. */
  readonly brief: string;
  readonly default?: string;
  /** Heading in the help; absent for flags under the default heading. */
  readonly group?: string;
  /** Key in the options table, if the flag is from there. */
  readonly key?: OptionKey;
  readonly repeatable: boolean;
}

export interface CommandModel {
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  readonly values: readonly ValueModel[];
  readonly flags: readonly FlagModel[];
  /** Notes and examples after the flags in the help. */
  readonly notes: string;
}

export interface ProgramModel {
  readonly name: string;
  readonly description: string;
  readonly flags: readonly FlagModel[];
  /** Visible commands, including `help`. */
  readonly commands: readonly CommandModel[];
}

const BOOLEANS = ['true', 'false'];
const FILE_KINDS: ReadonlySet<OptionKind> = new Set([
  'append-file',
  'certificate-file',
  'onion-auth-file',
  'bridges-file',
  'program',
]);

/** Describes the program, for the generators of manual pages and completions. */
export function describeProgram(program: Command): ProgramModel {
  const help = program.createHelp();
  return {
    name: program.name(),
    description: program.description(),
    flags: help.visibleOptions(program).map(describeFlag),
    commands: help.visibleCommands(program).map((command) => describeCommand(command, program)),
  };
}

function describeCommand(command: Command, program: Command): CommandModel {
  const isHelp = !program.commands.includes(command);
  const names = program
    .createHelp()
    .visibleCommands(program)
    .map((other) => other.name());
  return {
    name: command.name(),
    summary: command.summary() || command.description(),
    description: command.description(),
    values: command.registeredArguments.map((argument) => describeValue(argument, isHelp ? names : undefined)),
    flags: isHelp ? [] : command.createHelp().visibleOptions(command).map(describeFlag),
    notes: isHelp ? '' : notesOf(command),
  };
}

function describeValue(argument: Argument, choices: readonly string[] | undefined): ValueModel {
  const completion = choices ?? argument.argChoices ?? 'unknown';
  const { required, variadic, description: doc } = argument;
  return { placeholder: argument.name(), required, completion, variadic, doc };
}

function describeFlag(option: Option): FlagModel {
  const key = keyOf(option);
  const group = option.helpGroupHeading;
  const names = [option.long, option.short].filter((text) => text !== undefined);
  const placeholder = /[<[](?<placeholder>.+)[>\]]$/.exec(option.flags)?.groups?.['placeholder'];
  return {
    names,
    doc: option.description,
    brief: (key === undefined ? option.description : optionSpec(key).doc).split(/; |: | \(/, 1).join(),
    repeatable: key !== undefined && optionSpec(key).list !== undefined,
    ...(group === undefined ? {} : { group }),
    ...(key === undefined ? {} : { key }),
    ...(option.defaultValue === undefined ? {} : { default: String(option.defaultValue) }),
    ...(placeholder === undefined
      ? {}
      : { value: { placeholder, required: option.required, completion: completionOf(option, key), variadic: false } }),
  };
}

/**
 * Finds the option of a flag. A flag may have the name of an option and mean something else; those of the table have
 * the table's headings.
 */
function keyOf({ long, helpGroupHeading }: Option): OptionKey | undefined {
  const name = long?.slice('--'.length) ?? '';
  return isOptionKey(name) && helpGroupHeading === `${optionSpec(name).group}:` ? name : undefined;
}

function completionOf(option: Option, key: OptionKey | undefined): Completion {
  if (key === undefined) return option.argChoices ?? (option.flags.endsWith('<directory>') ? 'files' : 'unknown');
  const { kind, placeholder } = optionSpec(key);
  if (kind === 'boolean') return BOOLEANS;
  const choices = choicesOf(kind);
  if (choices.length > 0) return choices;
  return FILE_KINDS.has(kind) || placeholder === 'file' ? 'files' : 'unknown';
}

/** Returns the notes that `addHelpText` has added after commander's own help. */
function notesOf(command: Command): string {
  let whole = '';
  const output = command.configureOutput();
  command.configureOutput({ ...output, writeOut: (text) => (whole += text) });
  command.outputHelp();
  command.configureOutput(output);
  return whole.slice(command.helpInformation().length).trim();
}
