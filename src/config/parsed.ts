/**
 * What became of a text: its value, or a clause that says what is wrong with it and what to write instead. The clause
 * begins with the text in quotes, so that the caller only puts the setting's name in front.
 */
export type Parsed<T> = { readonly value: T } | { readonly problem: string };

/** The problem of a text. */
export function bad(text: string, clause: string): { readonly problem: string } {
  return { problem: `'${text}' ${clause}` };
}
