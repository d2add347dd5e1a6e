import type { CommandModel, Completion, FlagModel, ProgramModel } from '../commands.ts';

/** Generates the completion for fish: one `complete` line per command and flag. */
export function renderFishCompletion({ name, flags, commands }: ProgramModel): string {
  const complete = `complete -c ${name}`;
  const atTop = `-n ${quote(`not __fish_seen_subcommand_from ${commands.map((command) => command.name).join(' ')}`)}`;
  return [
    `# Completion of ${name} for fish.`,
    `${complete} -f`,
    ...flags.map((flag) => `${complete} ${atTop} ${renderFlag(flag)}`),
    ...commands.map((command) => `${complete} ${atTop} -a ${command.name} -d ${quote(command.summary)}`),
    ...commands.flatMap((command) => renderCommand(complete, command)),
    '',
  ].join('\n');
}

function renderCommand(complete: string, { name, flags, values }: CommandModel): string[] {
  const within = `${complete} -n '__fish_seen_subcommand_from ${name}'`;
  const words = values.flatMap(({ completion }) => (typeof completion === 'string' ? [] : completion));
  return [
    ...(words.length === 0 ? [] : [`${within} -a ${quote(words.join(' '))}`]),
    ...flags.map((flag) => `${within} ${renderFlag(flag)}`),
  ];
}

function renderFlag({ names, brief, value }: FlagModel): string {
  const spellings = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  const argument = value === undefined ? [] : [renderArgument(value.completion, value.required)];
  return [...spellings, ...argument, `-d ${quote(brief)}`].join(' ');
}

/** An optional value is completed only after `=`. */
function renderArgument(completion: Completion, required: boolean): string {
  if (completion === 'files') return '-r -F';
  const words = completion === 'unknown' ? '' : ` -a ${quote(completion.join(' '))}`;
  return `${required ? '-x' : '-f'}${words}`;
}

function quote(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
