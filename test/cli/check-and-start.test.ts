import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createTemporaryDirectory, type TemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { runCli } from './run-cli.ts';

/* Both `--check` and the start find a mistake in the configuration, and exit with 2. */

const NO_TOR = ['--tor-socks', 'unix:/nonexistent/socks'];
const MANAGED = ['--tor-socks', 'managed'];

let directory: TemporaryDirectory;
before(async () => {
  directory = await createTemporaryDirectory();
  await writeFile(at('file'), '');
});
after(() => directory[Symbol.asyncDispose]());

function at(name: string): string {
  return join(directory.path, name);
}

const WRONG: readonly (readonly [string, () => readonly string[]])[] = [
  ['a torrc line without a value', () => [...MANAGED, '--tor-option', 'UseEntryGuards']],
  ['a torrc line that dns4tor sets itself', () => [...MANAGED, '--tor-option', 'DataDirectory /']],
  ['the beginning of its name, which tor takes for it', () => [...MANAGED, '--tor-option', 'DataDirector /']],
  ['a torrc line with a carriage return', () => [...MANAGED, '--tor-option', 'UseEntryGuards 1\rX']],
  ['a torrc line that swallows the next', () => [...MANAGED, '--tor-option', 'UseEntryGuards 1 \\']],
  ['a torrc line with half a quoted value', () => [...MANAGED, '--tor-option', 'Nickname "x']],
  ['a tor program that is not there', () => [...MANAGED, '--tor-binary', at('tor')]],
  ['the name of a tor program that PATH lacks', () => [...MANAGED, '--tor-binary', 'no-such-tor']],
  ['a tor program that is none', () => [...MANAGED, '--tor-binary', at('file')]],
  ['no authority in the file', () => [...NO_TOR, '--upstream-ca', at('file')]],
  ['a log file in a directory that is not there', () => [...NO_TOR, '--logfile', at('logs/dns4tor.log')]],
  ['a log file below a file', () => [...NO_TOR, '--logfile', at('file/dns4tor.log')]],
  ['a directory for a log file', () => [...NO_TOR, '--logfile', directory.path]],
  ['no key in the file', () => [...NO_TOR, '--onion-auth-file', at('file')]],
  ['metrics where queries are answered', () => [...NO_TOR, '--port', '5399', '--metrics', 'localhost:5399']],
  [
    'metrics on one of all addresses',
    () => ['--allow', '::/0', '--address', '::', '--port', '5399', '--metrics', '[::1]:5399'],
  ],
];

for (const [what, flags] of WRONG) {
  test(`${what}: refused by --check and at start`, async () => {
    const [checked, started] = await Promise.all(
      [['--check'], []].map((further) => runCli(['proxy-dns', ...flags(), ...further])),
    );
    assert.deepEqual([checked?.code, started?.code], [2, 2], started?.stderr);
    assert.equal(started?.stderr, checked?.stderr);
  });
}

test('a missing tor is not a configuration error unless the configuration names it', async () => {
  const env = { PATH: directory.path };
  assert.equal((await runCli(['proxy-dns', '--check', ...MANAGED], env)).code, 0);
  const started = await runCli(['proxy-dns', '--port', '0', ...MANAGED], { ...env, STATE_DIRECTORY: directory.path });
  assert.equal(started.code, 1);
});

test('metrics on another port or address than queries are accepted', async () => {
  for (const flags of [
    ['--port', '5399', '--metrics', 'localhost:0'],
    ['--port', '0', '--metrics', 'localhost:5399'],
    ['--port', '5399', '--address', '127.0.0.2', '--metrics', '127.0.0.1:5399'],
    ['--port', '5399', '--address', '0.0.0.0', '--allow', '::/0', '--metrics', '[::1]:5399'],
  ])
    assert.equal((await runCli(['proxy-dns', '--check', ...flags])).code, 0, flags.join(' '));
});

test('--check shows which URLs it makes of a URL without a path and of a DNS stamp, and counts the hashes', async () => {
  const stamp = 'sdns://AgUAAAAAAAAABzguOC44LjggalBisNF41VbxY7E7Gw8ZQ10CWIKRzHVYnf7m6xHI1cMHOC44LjguOAovZG5zLXF1ZXJ5';
  const upstreams = (...urls: readonly string[]): readonly string[] => urls.flatMap((url) => ['--upstream', url]);
  const { code, stdout } = await runCli(['proxy-dns', '--check', ...upstreams('https://dns.example', stamp)]);
  assert.equal(code, 0);
  assert.match(stdout, /^#.* https:\/\/dns\.example\/dns-query, https:\/\/8\.8\.8\.8\/dns-query \(.*hash\)$/m);
  const whole = await runCli(['proxy-dns', '--check', ...upstreams('https://dns.example/dns-query')]);
  assert.equal(whole.stdout.match(/https:\/\/dns\.example/g)?.length, 1);
});
