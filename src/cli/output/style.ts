/** ECMA-48 "select graphic rendition". */
const SGR = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const;

/** Gives text a look, or leaves it as it is. */
export type Style = (look: keyof typeof SGR, text: string) => string;

interface Stream {
  readonly isTTY?: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Whether a stream is a terminal on which more can be done than to write one line after the other. */
export function takesCommands(stream: Stream, env: Environment): boolean {
  return stream.isTTY === true && env['TERM'] !== 'dumb';
}

/**
 * For a stream: with colours only on a terminal that has them, and whose user has not asked for none (https://no-color.org: NO_COLOR, when it is not
 * empty).
 */
export function styleFor(stream: Stream, env: Environment): Style {
  const isPlain = !takesCommands(stream, env) || (env['NO_COLOR'] ?? '') !== '';
  return isPlain ? PLAIN : (look, text) => `\x1b[${SGR[look]}m${text}\x1b[0m`;
}

export const PLAIN: Style = (_, text) => text;
