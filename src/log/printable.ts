/** The control characters C0 and C1 (ISO 646, ISO 6429), which terminals take as commands, and DEL. */
// oxlint-disable-next-line no-control-regex -- matching control characters is the purpose
const CONTROLS = /[\x00-\x1f\x7f-\x9f]/g;

/** Makes foreign text safe to show: replaces control characters, including line breaks. */
export function printable(text: string): string {
  return text.replace(CONTROLS, '\u{fffd}');
}

/** Writes JSON without control characters. JSON.stringify escapes only C0; RFC 8259 §7 allows escaping any. */
export function printableJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(
    /[\x7f-\x9f]/g,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
