const QUOTED = /"((?:[^"\\]|\\.)*)"/g;
const ESCAPE = /\\([0-7]{1,3}|.)/g;
const LETTERS: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

/** The strings that stand in quotes in a line of the control protocol (control-spec, "Notes on an escaping bug"). */
export function quotedStrings(line: string): string[] {
  return [...line.matchAll(QUOTED)].map(([, text = '']) => {
    const bytes = text.replaceAll(ESCAPE, (_escape, escaped: string) =>
      /^[0-7]/.test(escaped) ? String.fromCharCode(Number.parseInt(escaped, 8)) : (LETTERS[escaped] ?? escaped),
    );
    // Tor writes each byte that is not printable ASCII as an octal escape, those of UTF-8 included.
    return Buffer.from(bytes, 'latin1').toString();
  });
}
