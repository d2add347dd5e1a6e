import type { Argument, Command, Option } from 'commander';
import { choicesOf, type OptionKind } from '../src/config/parse/kinds.ts';
import { isOptionKey, type OptionKey, optionSpec } from '../src/config/options.ts';

/** What can stand for a value: one of some words, the name of a file, or what only the user knows. */
export type Completion = readonly string[] | 'files' | 'unknown';

/** A command's value or its flag's. */
export interface ValueModel {
  readonly placeholder: string;
  readonly required: boolean;
  readonly completion: Completion;
  /** Whether more of the same may follow. */
  readonly variadic: boolean;
  /** Absent for a flag's. */
  readonly doc?: string;
}

export interface FlagModel {
  /** The long one first, with their hyphens. */
  readonly names: readonly string[];
  readonly value?: ValueModel;
  /** What commander's help says of it. */
  readonly doc: string;
  /** What it does, without what else is to be known. */
  readonly brief: string;
  readonly default?: string;
  /** The heading under which the help lists it; absent for those that stand under none of their own. */
  readonly group?: string;
  /** The key of the options table that it comes from. */
  readonly key?: OptionKey;
  readonly repeatable: boolean;
}

export interface CommandModel {
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  readonly values: readonly ValueModel[];
  readonly flags: readonly FlagModel[];
  /** What its help has behind the flags: notes and examples. */
  readonly notes: string;
}

export interface ProgramModel {
  readonly name: string;
  readonly description: string;
  readonly flags: readonly FlagModel[];
  /** Those that its help lists. */
  readonly commands: readonly CommandModel[];
}

const BOOLEANS = ['true', 'false'];
const FILE_KINDS: ReadonlySet<OptionKind> = new Set(['append-file', 'certificate-file', 'onion-auth-file', 'program']);

/** The program as commander knows it, in a shape that manual pages and completions are written from. */
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

/** Other flags may have the name of one of the table's, and mean something else: those of the table stand under its headings. */
function keyOf({ long, helpGroupHeading }: Option): OptionKey | undefined {
  const name = long?.slice('--'.length) ?? '';
  return isOptionKey(name) && helpGroupHeading === `${optionSpec(name).group}:` ? name : undefined;
}

function completionOf(option: Option, key: OptionKey | undefined): Completion {
  if (key === undefined) return option.argChoices ?? 'unknown';
  const { kind, placeholder } = optionSpec(key);
  if (kind === 'boolean') return BOOLEANS;
  const choices = choicesOf(kind);
  if (choices.length > 0) return choices;
  return FILE_KINDS.has(kind) || placeholder === 'file' ? 'files' : 'unknown';
}

/** What `addHelpText` has put behind the help that commander makes itself. */
function notesOf(command: Command): string {
  let whole = '';
  const output = command.configureOutput();
  command.configureOutput({ ...output, writeOut: (text) => (whole += text) });
  command.outputHelp();
  command.configureOutput(output);
  return whole.slice(command.helpInformation().length).trim();
}
