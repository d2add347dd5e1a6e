/** ECMA-48, "select graphic rendition". */
const SGR = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const;

/** Styles a text, or returns it unchanged. */
export type Style = (look: keyof typeof SGR, text: string) => string;

interface Stream {
  readonly isTTY?: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Whether a stream is a terminal that takes control sequences. */
export function takesCommands(stream: Stream, env: Environment): boolean {
  return stream.isTTY === true && env['TERM'] !== 'dumb';
}

/**
 * Returns the style of a stream: plain if it is not a terminal, or if NO_COLOR is set and not empty
 * (https://no-color.org).
 */
export function styleFor(stream: Stream, env: Environment): Style {
  const isPlain = !takesCommands(stream, env) || (env['NO_COLOR'] ?? '') !== '';
  return isPlain ? PLAIN : (look, text) => `\x1b[${SGR[look]}m${text}\x1b[0m`;
}

/** Adds no colour. */
export const PLAIN: Style = (_, text) => text;
