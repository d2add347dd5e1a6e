import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { envNamesOf, flagOf, OPTION_KEYS } from '../../src/config/options.ts';
import { runCli } from './run-cli.ts';

test('help lists every option with its environment variables, and the command is listed above it', async () => {
  const { code, stdout } = await runCli(['proxy-dns', '--help']);
  assert.equal(code, 0);
  for (const key of OPTION_KEYS) {
    for (const word of [flagOf(key), ...envNamesOf(key)]) assert.ok(stdout.includes(word), word);
  }
  assert.match(stdout, /Examples:/);
  assert.match((await runCli(['--help'])).stdout, /proxy-dns/);
});

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

test('an unknown command is refused with the nearest one', async () => {
  assert.deepEqual(await runCli(['prxoy-dns']), {
    code: 2,
    stdout: '',
    stderr: "dns4tor: unknown command 'prxoy-dns'; did you mean proxy-dns?\n",
  });
});

test('a flag without its value is refused', async () => {
  const { code, stderr } = await runCli(['proxy-dns', '--port']);
  assert.equal(code, 2);
  assert.match(stderr, /^dns4tor: option '--port <port>' argument missing; see dns4tor --help\n$/);
});

test('all that is wrong with a command line is said at once, a line each, and nothing is started', async () => {
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
  assert.equal(lines[0], 'dns4tor: --prot: there is no such flag; did you mean --port?');
  assert.match(lines[1] ?? '', /^dns4tor: 'stray': is not expected here/);
  assert.match(lines[2] ?? '', /^dns4tor: TUNNEL_DNS_PORT: '70000' is out of bounds/);
  assert.match(lines[3] ?? '', /^dns4tor: --upstream: '.*' has a typing error: the onion address fails its checksum/);
});

test('a file that does not exist is refused', async () => {
  assert.deepEqual(await runCli(['proxy-dns', '--config', '/nonexistent/dns4tor.toml']), {
    code: 2,
    stdout: '',
    stderr: "dns4tor: --config: '/nonexistent/dns4tor.toml' cannot be read: there is no such file\n",
  });
});
