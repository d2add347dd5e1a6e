import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { envNamesOf, flagOf, OPTION_KEYS } from '../../src/config/options.ts';
import { NO_SIZE, startOnTerminal, TERMINAL_SIZE } from '../fixtures/terminal.ts';
import { COMMAND, runCli } from './run-cli.ts';

test('the help lists every option with its environment variables, and every command', async () => {
  const { code, stdout } = await runCli(['proxy-dns', '--help']);
  assert.equal(code, 0);
  for (const key of OPTION_KEYS) {
    for (const word of [flagOf(key), ...envNamesOf(key)]) assert.ok(stdout.includes(word), word);
  }
  assert.match(stdout, /Examples:/);
  assert.match((await runCli(['--help'])).stdout, /proxy-dns/);
});

test('commands are grouped, and the program and each command have examples', async () => {
  const { stdout } = await runCli(['--help']);
  assert.match(stdout, /^Resolve names:\n {2}proxy-dns .*\n\nInspect:\n {2}check /m);
  assert.match(stdout, /^Examples:\n {2}dns4tor /m);
  const names = [...stdout.matchAll(/^ {2}([\w-]+) .*(?:\[|<|keep)/gm)].map(([, name = '']) => name);
  for (const name of names.filter((one) => one !== 'help')) {
    assert.match((await runCli([name, '--help'])).stdout, /^Examples?:\n {2}\S/m, name);
  }
});

for (const [where, size, columns] of [
  ['on a terminal, the help is wrapped to its width', TERMINAL_SIZE, TERMINAL_SIZE.columns],
  ['on a terminal without a size, the help is wrapped to 80 columns', NO_SIZE, 80],
] as const) {
  test(where, async () => {
    for (const words of [['--help'], ['query', '--help'], ['proxy-dns', '--help'], ['install', '--help']]) {
      await using terminal = await startOnTerminal([process.execPath, COMMAND, ...words], {}, size);
      await terminal.shows('ended with 0');
      const lines = terminal.output.split(/\r?\n/);
      assert.deepEqual(
        lines.filter((line) => line.length > columns && /\S\s+\S/.test(line.slice(10))),
        [],
      );
    }
  });
}

test('the version is that of the package', async () => {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  assert.deepEqual(await runCli(['--version']), {
    code: 0,
    stdout: `${manifest instanceof Object && 'version' in manifest ? String(manifest.version) : ''}\n`,
    stderr: '',
  });
});

test('no command prints the help to stderr and is a usage error', async () => {
  const { code, stdout, stderr } = await runCli([]);
  assert.equal(code, 2);
  assert.equal(stdout, '');
  assert.match(stderr, /Usage: dns4tor/);
});

for (const [args, sentence] of [
  ['prxoy-dns', "unknown command 'prxoy-dns' (Did you mean proxy-dns?); see dns4tor --help"],
  ['query --drect', "unknown option '--drect' (Did you mean --direct?); see dns4tor query --help"],
  ['check --jsn', "unknown option '--jsn'; did you mean --json?"],
  ['confirm --x=1', "unknown option '--x=1'; see dns4tor confirm --help"],
  ['proxy-dns --port', "option '--port <port>' argument missing; see dns4tor proxy-dns --help"],
  ['install --port 0', "--port: '0' is out of range; give 1 to 65535"],
  ['pause', "missing required argument 'duration'; see dns4tor pause --help"],
  ['uninstall now', "unexpected argument 'now'; see dns4tor uninstall --help"],
] as const) {
  test(`a usage error names the problem first, then the remedy: ${args}`, async () => {
    assert.deepEqual(await runCli(args.split(' ')), { code: 2, stdout: '', stderr: `dns4tor: ${sentence}\n` });
  });
}

test('an invalid argument is refused with an example', async () => {
  const { code, stderr } = await runCli(['pause', '5']);
  assert.equal(code, 2);
  assert.match(stderr, /^dns4tor: <duration>: '5' is not a duration with its unit, such as .*; give 10s to 1d\n$/);
});

test('all problems of a command line are reported at once, one line each, and nothing is started', async () => {
  const { code, stdout, stderr } = await runCli(
    [
      'proxy-dns',
      '--prot',
      '53',
      'stray',
      '--upstream',
      'https://dns5torpnlfs2ifuz2s2yf3fc7rdmsbhm6rw75euj35pac6ap25zgqad.onion/',
    ],
    { TUNNEL_DNS_PORT: '70000' },
  );
  assert.equal(code, 2);
  assert.equal(stdout, '');
  const lines = stderr.trimEnd().split('\n');
  assert.equal(lines.length, 4);
  assert.equal(lines[0], "dns4tor: unknown option '--prot'; did you mean --port?");
  assert.match(lines[1] ?? '', /^dns4tor: unexpected argument 'stray'/);
  assert.match(lines[2] ?? '', /^dns4tor: TUNNEL_DNS_PORT: '70000' is out of range/);
  assert.match(lines[3] ?? '', /^dns4tor: --upstream: '.*' .*checksum/);
});

test('a file that does not exist is refused', async () => {
  assert.deepEqual(await runCli(['proxy-dns', '--config', '/nonexistent/dns4tor.toml']), {
    code: 2,
    stdout: '',
    stderr: "dns4tor: --config: '/nonexistent/dns4tor.toml' cannot be read: no such file\n",
  });
});
