import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { renderBashCompletion } from '../../packaging/completions/bash.ts';
import { renderFishCompletion } from '../../packaging/completions/fish.ts';
import { renderZshCompletion } from '../../packaging/completions/zsh.ts';
import { flagOf, OPTION_KEYS } from '../../src/config/options.ts';
import { choicesOf } from '../../src/config/parse/kinds.ts';
import { findProgram } from '../fixtures/process/find-program.ts';
import { runProgram } from '../fixtures/process/run-program.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { ownProgram } from './program.ts';

const PROGRAM = await ownProgram();
const COMMANDS = PROGRAM.commands.map(({ name }) => name);
const FLAGS = OPTION_KEYS.map(flagOf);

const FILE = import.meta.filename;
const BEGINNING = FILE.slice(0, -1);

/** The completions of bash for the last word; the words are split as bash does. */
async function bash(...words: readonly string[]): Promise<readonly string[]> {
  const script = `${renderBashCompletion(PROGRAM)}
    complete -p dns4tor >/dev/null || exit
    COMP_WORDS=(dns4tor "$@") COMP_CWORD=$#
    compopt() { :; }
    _dns4tor
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  return linesOf(await runProgram('bash', ['--norc', '--noprofile', '-c', script, 'bash', ...words]));
}

/** The completions of fish, without descriptions. */
async function fish(line: string): Promise<readonly string[]> {
  const script = `${renderFishCompletion(PROGRAM)}\ncomplete -C ${JSON.stringify(line)}`;
  const offers = linesOf(await runProgram('fish', ['--no-config', '-c', script]));
  return offers.map((offer) => offer.split('\t', 1).join());
}

/** The lines as zsh completes them after the Tab key. */
async function zsh(...lines: readonly string[]): Promise<readonly string[]> {
  await using directory = await createTemporaryDirectory();
  const [functions, result] = [join(directory.path, 'functions'), join(directory.path, 'result')];
  await mkdir(functions);
  await writeFile(join(functions, '_dns4tor'), renderZshCompletion(PROGRAM));
  await writeFile(
    join(directory.path, '.zshrc'),
    `fpath=(${functions} $fpath)
     autoload -Uz compinit && compinit -u -D
     note() { print -r -- "$BUFFER" >>${result}; BUFFER= }
     zle -N note && bindkey '^I' complete-word '^T' note`,
  );
  const keys = `${lines.map((line) => `${line}\t\x14`).join('')}exit\r`;
  // In a terminal, because zsh has no line editor without one.
  const script = `
    zmodload zsh/zpty
    export ZDOTDIR=$1
    zpty shell $2 -d -i
    zpty -w -n shell $3
    while zpty -r shell output; do :; done`;
  await runProgram('zsh', ['-f', '-c', script, 'zsh', directory.path, await findProgram('zsh'), keys]);
  return linesOf(await readFile(result, 'utf8'));
}

function linesOf(output: string): readonly string[] {
  return output.split('\n').filter((line) => line !== '');
}

test('bash completes commands, flags and values, after a space or an equals sign', async () => {
  assert.deepEqual(await bash(''), [...COMMANDS, '--version', '-V', '--help', '-h']);
  assert.deepEqual(await bash('uni'), ['uninstall']);
  assert.deepEqual(await bash('proxy-dns', '--port', '53', '--'), [...FLAGS, '--help']);
  assert.deepEqual(await bash('proxy-dns', '--loglevel', ''), choicesOf('log-level'));
  assert.deepEqual(await bash('proxy-dns', '--loglevel', '='), choicesOf('log-level'));
  assert.deepEqual(await bash('proxy-dns', '--loglevel', '=', 'd'), ['debug']);
  assert.deepEqual(await bash('proxy-dns', '--port', ''), []);
  assert.deepEqual(await bash('proxy-dns', '--prefetch', 'f'), ['false']);
  assert.deepEqual(await bash('proxy-dns', '--prefetch', '--cach'), ['--cache-size']);
  assert.deepEqual(await bash('install', '--dry'), ['--dry-run']);
  assert.deepEqual(await bash('help', 'pau'), ['pause']);
});

test('bash completes files where a flag takes one', async () => {
  assert.deepEqual(await bash('proxy-dns', '--config', BEGINNING), [FILE]);
  assert.deepEqual(await bash('certificate', '--directory', BEGINNING), [FILE]);
});

test('fish completes commands, flags and values', async () => {
  assert.deepEqual((await fish('dns4tor ')).toSorted(), COMMANDS.toSorted());
  // Flags with an optional value are offered twice: alone and with "=".
  const flags = (await fish('dns4tor proxy-dns --')).filter((offer) => !offer.endsWith('='));
  assert.deepEqual(flags.toSorted(), [...FLAGS, '--help'].toSorted());
  assert.deepEqual(await fish('dns4tor proxy-dns --loglevel d'), ['debug']);
  assert.deepEqual(await fish('dns4tor proxy-dns --prefetch=f'), ['--prefetch=false']);
  assert.deepEqual(await fish('dns4tor proxy-dns --port 53 --cach'), ['--cache-size']);
  assert.deepEqual(await fish(`dns4tor proxy-dns --config ${BEGINNING}`), [FILE]);
  assert.deepEqual(await fish('dns4tor help pau'), ['pause']);
});

test('zsh completes commands, flags, values and files', async () => {
  assert.deepEqual(
    await zsh(
      'dns4tor uni',
      'dns4tor proxy-dns --cach',
      'dns4tor proxy-dns --loglevel=de',
      'dns4tor proxy-dns --loglevel de',
      'dns4tor proxy-dns --prefetch=f',
      `dns4tor proxy-dns --config ${BEGINNING}`,
      'dns4tor install --dry',
      'dns4tor help pau',
      'dns4tor pause --he',
      'dns4tor query example.com AAAA --dir',
    ),
    [
      'dns4tor uninstall ',
      'dns4tor proxy-dns --cache-size=',
      'dns4tor proxy-dns --loglevel=debug ',
      'dns4tor proxy-dns --loglevel debug ',
      'dns4tor proxy-dns --prefetch=false ',
      `dns4tor proxy-dns --config ${FILE} `,
      'dns4tor install --dry-run ',
      'dns4tor help pause ',
      'dns4tor pause --help ',
      'dns4tor query example.com AAAA --direct ',
    ],
  );
});
