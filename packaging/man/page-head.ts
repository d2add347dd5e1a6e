import { MS_PER_SECOND } from '../../src/lib/units.ts';
import { mdocText } from './mdoc.ts';

export interface PageHead {
  readonly name: string;
  readonly section: number;
  /** One line, for whatis(1). */
  readonly doc: string;
  readonly dateText: string;
}

/** Renders the beginning of a manual page. */
export function renderHead({ name, section, doc, dateText }: PageHead): string[] {
  const clause = doc.replace(/\.$/, '').replace(/^A /, 'a ');
  return [
    `.Dd ${dateText}`,
    `.Dt ${name.toUpperCase()} ${section}`,
    '.Os dns4tor',
    '.Sh NAME',
    `.Nm ${name}`,
    `.Nd ${mdocText(clause)}`,
  ];
}

/** Formats a date for `.Dd`. */
export function pageDate(epochSeconds: number): string {
  const format = new Intl.DateTimeFormat('en-US', { dateStyle: 'long', timeZone: 'UTC' });
  return format.format(new Date(epochSeconds * MS_PER_SECOND));
}
