import type { CommandModel, ProgramModel, ValueModel } from '../commands.ts';

/** Generates the completion for bash. Needs no package such as bash-completion. */
export function renderBashCompletion({ name, flags, commands }: ProgramModel): string {
  const top = [...commands.map((command) => command.name), ...flags.flatMap(({ names }) => names)];
  return `# Completion of ${name} for bash.

_${name}() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]} command= words i
  # bash splits --flag=value into three words.
  if [[ $word == = ]]; then
    word=
  elif [[ $before == = ]]; then
    before=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [[ \${COMP_WORDS[i]} != -* ]]; then
      command=\${COMP_WORDS[i]}
      break
    fi
  done
  COMPREPLY=()
  case "$command $before" in
${renderValues(commands).join('\n')}
  esac
  case $command in
    '') words=${quote(top.join(' '))} ;;
${commands.map(renderWords).join('\n')}
    *) return ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _${name} ${name}
`;
}

/** Branches that complete the values of flags. Flags with the same completion share one. */
function renderValues(commands: readonly CommandModel[]): string[] {
  const branches = new Map<string, string[]>();
  for (const { name, flags } of commands) {
    for (const { names, value } of flags) {
      if (value === undefined) continue;
      const body = completeAs(value).join('\n');
      branches.set(body, [...(branches.get(body) ?? []), ...names.map((flag) => `'${name} ${flag}'`)]);
    }
  }
  return [...branches].map(([body, patterns]) => `    ${patterns.join(' |\\\n      ')})\n${body}\n      ;;`);
}

function completeAs({ completion, required }: ValueModel): string[] {
  if (completion === 'unknown') return [required ? '      return' : '      :'];
  const action = completion === 'files' ? '-f' : `-W ${quote(completion.join(' '))}`;
  const fill = `mapfile -t COMPREPLY < <(compgen ${action} -- "$word")`;
  // If the value is optional, another flag may follow.
  if (!required) return ['      if [[ $word != -* ]]; then', `        ${fill}`, '        return', '      fi'];
  return [`      ${fill}`, ...(completion === 'files' ? ['      compopt -o filenames'] : []), '      return'];
}

function renderWords({ name, flags, values }: CommandModel): string {
  const operands = values.flatMap(({ completion }) => (typeof completion === 'string' ? [] : completion));
  const words = [...operands, ...flags.flatMap((flag) => flag.names)];
  return `    ${name}) words=${quote(words.join(' '))} ;;`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
