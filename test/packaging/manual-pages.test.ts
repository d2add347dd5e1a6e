import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { renderFilePage } from '../../packaging/man/file-page.ts';
import { mdocText } from '../../packaging/man/mdoc.ts';
import { pageDate } from '../../packaging/man/page-head.ts';
import { renderProgramPage } from '../../packaging/man/program-page.ts';
import { envNamesOf, FILE_KEYS, flagOf, OPTION_KEYS } from '../../src/config/options.ts';
import { runProgram } from '../fixtures/process/run-program.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { ownProgram } from './program.ts';

const DATE = pageDate(0);

const PAGES = [
  { name: 'dns4tor.1', text: renderProgramPage(await ownProgram(), DATE) },
  { name: 'dns4tor.toml.5', text: renderFilePage(DATE) },
] as const;

/** A character that the next one overprints. */
const BOLD_OR_UNDERLINED = new RegExp(`.${String.fromCodePoint(8)}`, 'gu');

/** The page as on a wide terminal, without bold type. */
async function shown(text: string): Promise<string> {
  const page = await runProgram('mandoc', ['-T', 'utf8', '-O', 'width=200'], { input: text });
  return page.replaceAll(BOLD_OR_UNDERLINED, '');
}

for (const { name, text } of PAGES) {
  test(`mandoc and groff have no warning for ${name}`, async () => {
    await using directory = await createTemporaryDirectory();
    const path = join(directory.path, name);
    await writeFile(path, text);
    // Its exit status says whether there was a warning.
    await runProgram('mandoc', ['-T', 'lint', '-W', 'warning', path]);
    const { stderr } = await runGroff(path);
    assert.equal(stderr, '');
  });
}

/** Warnings do not change its exit status. */
async function runGroff(path: string): Promise<{ readonly stderr: string }> {
  return { stderr: await runProgram('bash', ['-c', 'groff -ww -mandoc -Tutf8 -z "$1" 2>&1', 'bash', path]) };
}

test('the manual has every command, flag and environment variable', async () => {
  const page = await shown(PAGES[0].text);
  for (const { name, flags } of (await ownProgram()).commands) {
    const from = page.indexOf(`\n   ${name}\n`);
    assert.notEqual(from, -1, name);
    for (const { names } of flags) assert.ok(page.includes(names[0] ?? '', from), `${name} ${names.join()}`);
  }
  for (const key of OPTION_KEYS) {
    assert.match(page, new RegExp(`^ {5}${flagOf(key)}(?: |$)`, 'm'));
    for (const variable of envNamesOf(key)) assert.ok(page.includes(variable), variable);
  }
});

test('the manual of the configuration file has exactly its keys', async () => {
  const page = await shown(PAGES[1].text);
  const keys = [...page.matchAll(/^ {5}(?<key>\S+) = \S/gm)].map(({ groups }) => groups?.['key']);
  assert.deepEqual(keys.slice(0, FILE_KEYS.length), FILE_KEYS);
});

test('a hyphen to type stays a hyphen, and text that looks like a request stays text', async () => {
  const page = await shown(
    `.Dd ${DATE}\n.Dt X 1\n.Os x\n.Sh DESCRIPTION\n${mdocText(`.Em \\(bu 'x --dry-run; \`a-b\` §`)}\n`,
  );
  assert.match(page, /\.Em \\\(bu 'x --dry-run; a-b §/);
});
