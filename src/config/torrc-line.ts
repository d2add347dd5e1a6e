import { bad, type Parsed } from './parsed.ts';

/** Options without which dns4tor could not find, own or understand its tor. */
const RESERVED_OPTIONS = [
  'DataDirectory',
  'CookieAuthentication',
  'CookieAuthFile',
  '__OwningControllerProcess',
  'RunAsDaemon',
] as const;

const LINE = /^([A-Za-z_][A-Za-z0-9_]*)[ \t]+(\S.*)$/s;
/** A value that begins with a quote ends with one, but for a comment (tor(1), "THE CONFIGURATION FILE FORMAT"). */
const QUOTED = /^"(?:[^"\\]|\\.)*"\s*(?:#.*)?$/;

/**
 * One line of a torrc, of `--tor-option`: by its form, and that it leaves what dns4tor sets alone. Whether tor knows the option, and takes the
 * value, tor says itself when it starts.
 */
export function parseTorrcLine(text: string): Parsed<string> {
  const [, name = '', value = ''] = LINE.exec(text) ?? [];
  if (name === '') return bad(text, "is not a line of a torrc; write 'Name value' (see man tor)");
  if (/\p{Cc}/u.test(text.replaceAll('\t', ' '))) {
    return { problem: `${JSON.stringify(text)} holds a control character; write one line` };
  }
  // torrc's sign of continuation would swallow the line after it.
  if (text.endsWith('\\')) return bad(text, 'ends with a backslash, with which the next line would belong to it');
  if (value.startsWith('"') && !QUOTED.test(value)) return bad(text, 'holds a quoted value without its end');
  const reserved = reservedOption(name);
  return reserved === undefined
    ? { value: text }
    : bad(text, `sets ${reserved}, which dns4tor sets itself; leave it out`);
}

/** Tor takes the beginning of a name for the whole. */
function reservedOption(name: string): string | undefined {
  const lower = name.toLowerCase();
  return RESERVED_OPTIONS.find((option) => option.toLowerCase().startsWith(lower));
}
