import type { CommandModel, Completion, FlagModel, ProgramModel, ValueModel } from '../commands.ts';

/** Generates the completion for zsh (zshcompsys(1)). */
export function renderZshCompletion({ name, flags, commands }: ProgramModel): string {
  return `#compdef ${name}

_${name}() {
  local curcontext=$curcontext state line
  typeset -A opt_args
  local -a commands=(
${commands.map((command) => `    ${quote(`${escapeColons(command.name)}:${command.summary}`)}`).join('\n')}
  )
  _arguments -C \\
${flags.map((flag) => `    ${renderFlag(flag)} \\\n`).join('')}    '1: :->command' \\
    '*:: :->rest'
  case $state in
    command) _describe -t commands command commands ;;
    rest)
      case $words[1] in
${commands.map(renderCommand).join('\n')}
      esac
      ;;
  esac
}

_${name} "$@"
`;
}

function renderCommand({ name, flags, values }: CommandModel): string {
  const specs = [...flags.map(renderFlag), ...values.map((value) => quote(renderOperand(value)))];
  return [`        ${name})`, `          _arguments \\`, ...joined(specs), '          ;;'].join('\n');
}

function joined(specs: readonly string[]): string[] {
  return specs.map((spec, index) => `            ${spec}${index === specs.length - 1 ? '' : ' \\'}`);
}

function renderFlag({ names, brief, value, repeatable }: FlagModel): string {
  const operand = value === undefined ? '' : `:${value.required ? '' : ':'}${renderValue(value)}`;
  const rest = `[${escapeDoc(brief)}]${operand}`;
  const [only = '', ...others] = names.map((name) => (name.startsWith('--') ? `${name}${separatorOf(value)}` : name));
  if (others.length === 0) return quote(`${repeatable ? '*' : ''}${only}${rest}`);
  // Two spellings that exclude each other.
  return `${quote(`(${names.join(' ')})`)}{${[only, ...others].join(',')}}${quote(rest)}`;
}

/** A value is the next word or follows `=`. An optional value must follow `=`. */
function separatorOf(value: ValueModel | undefined): string {
  if (value === undefined) return '';
  return value.required ? '=' : '=-';
}

/**
 * Completes an operand. `( )` means unknown; a single space, as for flags, would also prevent the completion of flags.
 */
function renderOperand(value: ValueModel): string {
  const action = value.completion === 'unknown' ? '( )' : actionOf(value.completion);
  return `${value.variadic ? '*' : ''}:${escapeColons(value.placeholder)}:${action}`;
}

function renderValue({ placeholder, completion }: ValueModel): string {
  return `${escapeColons(placeholder)}:${actionOf(completion)}`;
}

function actionOf(completion: Completion): string {
  if (completion === 'files') return '_files';
  return completion === 'unknown' ? ' ' : `(${completion.join(' ')})`;
}

function escapeDoc(text: string): string {
  return text.replace(/[[\]\\]/g, '\\$&');
}

function escapeColons(text: string): string {
  return text.replaceAll(':', '\\:');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
