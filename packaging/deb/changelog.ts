import { MS_PER_SECOND } from '../../src/lib/units.ts';
import { wrapLine } from '../wrap.ts';
import { debianVersion } from './debian-names.ts';
import type { Release } from './release.ts';

/** Converts the release's section of CHANGELOG.md (Keep a Changelog) to Debian's format (deb-changelog(5)). */
export function renderChangelog(markdown: string, { version, sourceDateEpoch, maintainer }: Release): string {
  const entries = entriesOf(markdown, version);
  const lines = entries.map((entry) => wrapLine(entry).join('\n    '));
  return [
    `dns4tor (${debianVersion(version)}) unstable; urgency=medium`,
    '',
    ...lines.map((line) => `  * ${line}`),
    '',
    ` -- ${maintainer}  ${rfc5322Date(sourceDateEpoch)}`,
    '',
  ].join('\n');
}

/** Returns the list items of the version's section or, if there is none, of `Unreleased`. */
function entriesOf(markdown: string, version: string): readonly string[] {
  const sections = markdown.split(/^## /m).slice(1);
  const section =
    sections.find((text) => text.startsWith(`[${version}]`)) ??
    sections.find((text) => text.startsWith('[Unreleased]'));
  const items = (section ?? '').split(/^- /m).slice(1);
  return items.map((item) => item.split(/\n\n/, 1).join().replace(/\s+/g, ' ').trim());
}

function rfc5322Date(epochSeconds: number): string {
  return new Date(epochSeconds * MS_PER_SECOND).toUTCString().replace('GMT', '+0000');
}
