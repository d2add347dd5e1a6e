import { type Parsed, refuse } from '../config-problem.ts';

/** dns4tor sets these options to find, own and control its tor. */
const RESERVED_OPTIONS = [
  'DataDirectory',
  'CookieAuthentication',
  'CookieAuthFile',
  '__OwningControllerProcess',
  'RunAsDaemon',
] as const;

/** Lines of these would be shown, and contradict those that dns4tor writes. */
const BRIDGE_OPTIONS = ['UseBridges', 'Bridge', 'ClientTransportPlugin'] as const;

const LINE = /^([A-Za-z_][A-Za-z0-9_]*)[ \t]+(\S.*)$/s;
/** A quoted value: only a comment may follow its closing quote (tor(1), "THE CONFIGURATION FILE FORMAT"). */
const QUOTED = /^"(?:[^"\\]|\\.)*"\s*(?:#.*)?$/;

/**
 * Parses one torrc line, from `--tor-option`. Checks its syntax and that it sets no reserved option. Tor itself checks
 * the option's name and value when it starts.
 */
export function parseTorrcLine(text: string): Parsed<string> {
  // First, because other problems quote the line.
  const bridgeOption = optionMeant(/^\w*/.exec(text)?.[0] ?? '', BRIDGE_OPTIONS);
  if (bridgeOption !== undefined) {
    return {
      problem: `the line sets ${bridgeOption}, which dns4tor sets itself`,
      remedy: 'give bridges with --bridge or --bridges-file, and their programs with --transport',
    };
  }
  const [, name = '', value = ''] = LINE.exec(text) ?? [];
  if (name === '') return refuse(text, 'is not a torrc line', "write 'Name value' (see man tor)");
  if (/\p{Cc}/u.test(text.replaceAll('\t', ' '))) {
    return { problem: `${JSON.stringify(text)} holds a control character`, remedy: 'write one line' };
  }
  if (text.endsWith('\\')) {
    return refuse(text, 'ends with a backslash, which would continue it on the next line', 'remove the backslash');
  }
  if (value.startsWith('"') && !QUOTED.test(value)) {
    return refuse(text, 'holds a quoted value with no closing quote, or text after it', 'quote the whole value');
  }
  const reserved = optionMeant(name, RESERVED_OPTIONS);
  return reserved === undefined
    ? { value: text }
    : refuse(text, `sets ${reserved}, which is reserved for dns4tor`, 'remove it');
}

/** Tor accepts an abbreviated option name, so a prefix of a reserved one is reserved too. */
function optionMeant(name: string, options: readonly string[]): string | undefined {
  const lower = name.toLowerCase();
  return lower === '' ? undefined : options.find((option) => option.toLowerCase().startsWith(lower));
}
