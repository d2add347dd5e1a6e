import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { runCli } from '../run-cli.ts';

test('--check prints the effective settings and their sources, and exits', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'dns4tor.toml');
  writeFileSync(path, 'timeout = "3s"\n');
  const { code, stdout, stderr } = await runCli(['proxy-dns', '--check', '--port', '5053', '--config', path], {
    TUNNEL_DNS_ADDRESS: '127.0.0.1,::1',
  });
  assert.equal(stderr, '');
  assert.equal(code, 0);
  assert.match(stdout, /^port = 5053 +# --port$/m);
  assert.match(stdout, /^address = \["127\.0\.0\.1", "::1"\] +# TUNNEL_DNS_ADDRESS$/m);
  assert.match(stdout, new RegExp(`^timeout = "3s" +# timeout in ${path}$`, 'm'));
  assert.match(stdout, /^cache-size = "16MiB" +# default$/m);
  assert.match(stdout, /^# upstream-ca is not set: /m);
});

test('the output of --check is a configuration file with the same effect', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'dns4tor.toml');
  const flags = [
    '--port',
    '5053',
    '--tor-option',
    'Nickname "a\\"b"',
    '--upstream',
    'https://a.example/,https://b.example/',
  ];
  writeFileSync(path, (await runCli(['proxy-dns', '--check', ...flags])).stdout);
  const { config } = await effectOf(flags);
  assert.deepEqual(config.tor?.options, ['Nickname "a\\"b"']);
  assert.deepEqual((await effectOf(['--config', path])).config, config);
});

test('--check --output json prints the configuration and its sources as one object', async () => {
  const { config, sources } = await effectOf(['--timeout', '3s']);
  assert.equal(config.timeoutMs, 3000);
  assert.deepEqual(sources['timeout'], { origin: 'flag', place: '--timeout' });
});

test('flags are accepted with one dash, as in cloudflared', async () => {
  const { config } = await effectOf(['-port', '5053', '-timeout=3s']);
  assert.equal(config.port, 5053);
  assert.equal(config.timeoutMs, 3000);
});

test('--check prints the paths of key files, but no key', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'resolver.auth_private');
  const address = 'dns4torpnlfs2ifuz2s2yf3fc7rdmsbhm6rw75euj35pac6ap25zgqad';
  const key = Buffer.alloc(32);
  writeFileSync(path, `${address}:descriptor:x25519:${'a'.repeat(52)}`, { mode: 0o600 });
  for (const format of ['default', 'json']) {
    const args = ['proxy-dns', '--check', '--output', format, '--onion-auth-file', path];
    const { code, stdout } = await runCli(args);
    assert.equal(code, 0);
    assert.ok(stdout.includes(format === 'json' ? address : path));
    for (const text of ['a'.repeat(52), key.toString('hex'), key.toString('base64').slice(0, 43)]) {
      assert.ok(!stdout.includes(text));
    }
  }
});

test('an invalid configuration is not printed', async () => {
  const { code, stdout, stderr } = await runCli(['proxy-dns', '--check', '--port', 'x']);
  assert.equal(code, 2);
  assert.equal(stdout, '');
  assert.match(stderr, /^dns4tor: --port: 'x' is not a whole number; give 0 to 65535\n$/);
});

interface Effect {
  readonly config: {
    readonly port?: number;
    readonly timeoutMs?: number;
    readonly tor?: { readonly options: readonly string[] };
  };
  readonly sources: Readonly<Record<string, unknown>>;
}

async function effectOf(args: readonly string[]): Promise<Effect> {
  const { stdout, stderr } = await runCli(['proxy-dns', '--check', '--output', 'json', ...args]);
  assert.equal(stderr, '');
  const effect: Effect = JSON.parse(stdout);
  return effect;
}
