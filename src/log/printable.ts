/** The control characters of ISO 646 and ISO 6429, C0 and C1, which a terminal takes for commands, and DEL. */
// oxlint-disable-next-line no-control-regex -- these are what is looked for
const CONTROLS = /[\x00-\x1f\x7f-\x9f]/g;

/** What came from elsewhere, on one line and without the characters that a terminal would take for commands. */
export function printable(text: string): string {
  return text.replace(CONTROLS, '\u{fffd}');
}

/** JSON that says the same and holds no such character either: JSON.stringify escapes C0 alone (RFC 8259 §7 allows to escape any). */
export function printableJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(
    /[\x7f-\x9f]/g,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
