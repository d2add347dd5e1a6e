/** ECMA-48 "select graphic rendition". */
const SGR = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const;

/** Gives text a look, or leaves it as it is. */
export type Style = (look: keyof typeof SGR, text: string) => string;

/**
 * For a stream: with colours only on a terminal that has them, and whose user has not asked for none (https://no-color.org: NO_COLOR, when it is not
 * empty).
 */
export function styleFor(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): Style {
  const isPlain = stream.isTTY !== true || (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb';
  return isPlain ? PLAIN : (look, text) => `\x1b[${SGR[look]}m${text}\x1b[0m`;
}

export const PLAIN: Style = (_, text) => text;

/** What came from elsewhere, without the characters that a terminal would take for commands. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, '\u{fffd}');
}
