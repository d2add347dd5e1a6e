import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderChangelog } from '../../packaging/deb/changelog.ts';
import { debianArchitecture, debianVersion } from '../../packaging/deb/debian-names.ts';
import { runProgram } from '../fixtures/process/run-program.ts';

const MARKDOWN = `# Changelog

## [Unreleased]

### Added

- What is not out yet.

## [1.2.0] - 2026-01-02

### Added

- A thing, of which so much is to be said
  that it takes two lines.

### Fixed

- Another.
`;

const RELEASE = { version: '1.2.0', sourceDateEpoch: 86_400, maintainer: 'Nobody <nobody@localhost>' } as const;

test("the changelog in Debian's format has the entries of the release", () => {
  assert.equal(
    renderChangelog(MARKDOWN, RELEASE),
    `dns4tor (1.2.0) unstable; urgency=medium

  * A thing, of which so much is to be said that it takes two lines.
  * Another.

 -- Nobody <nobody@localhost>  Fri, 02 Jan 1970 00:00:00 +0000
`,
  );
});

test('a version that CHANGELOG.md lacks has the unreleased entries', () => {
  assert.match(
    renderChangelog(MARKDOWN, { ...RELEASE, version: '1.3.0-rc.1' }),
    /\(1\.3\.0~rc\.1\)[^*]*\* What is not out yet\.\n\n --/,
  );
});

test('a pre-release sorts before its release', async () => {
  await runProgram('dpkg', ['--compare-versions', debianVersion('1.3.0-rc.1'), 'lt', debianVersion('1.3.0')]);
  await runProgram('dpkg', ['--compare-versions', debianVersion('1.3.0-rc.1'), 'gt', debianVersion('1.2.9')]);
});

test("the architecture of the package is this machine's, by Debian's name", async () => {
  assert.equal(debianArchitecture(), (await runProgram('dpkg', ['--print-architecture'])).trim());
  assert.throws(() => debianArchitecture('mips'), /mips/);
});
