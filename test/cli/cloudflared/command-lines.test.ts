import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { IGNORED_GROUPS, TUNNEL_FLAGS } from '../../../src/cli/cloudflared/cloudflared-flags.ts';
import { RENAMED_OPTIONS } from '../../../src/config/cloudflared/renamed-options.ts';
import { isOptionKey } from '../../../src/config/options.ts';
import { cleanEnvironment, dns4tor } from '../../fixtures/process/daemon.ts';
import { startProcess } from '../../fixtures/process/process.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { runCli } from '../run-cli.ts';

const NAMES = [...IGNORED_GROUPS.flatMap(({ flags }) => flags), ...TUNNEL_FLAGS].map(({ name }) => name);

test('no flag of the tables is an option of dns4tor, and none is in two of them', () => {
  const all = [...NAMES, ...Object.keys(RENAMED_OPTIONS)];
  assert.deepEqual(all.filter(isOptionKey), []);
  assert.equal(new Set(all).size, all.length);
});

test('every ignored flag is accepted before and after the command', async () => {
  const words = IGNORED_GROUPS.flatMap(({ flags }) =>
    flags.flatMap(({ name, takesValue }) => (takesValue ? [`--${name}`, '5s'] : [`--${name}`])),
  );
  for (const line of [
    [...words, 'proxy-dns', '--check'],
    ['proxy-dns', ...words, '--check'],
  ]) {
    const { code, stderr } = await runCli(line);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^dns4tor: [^\n]+\n$/);
  }
});

test('an unknown flag is still a mistake', async () => {
  for (const line of [
    ['--no-autoupdate', 'proxy-dns', '--check', '--prot', '1'],
    ['tunnel', '--proxy-dns', '--check', '--proxy-dns-prot', '1'],
  ]) {
    assert.equal((await runCli(line)).code, 2, line.join(' '));
  }
});

test("a tunnel's command line is refused with exit code 2", async () => {
  const { code, stdout, stderr } = await runCli(['tunnel', 'run', 'home']);
  assert.deepEqual([code, stdout], [2, '']);
  assert.match(stderr, /^dns4tor: [^\n]+\n$/);
});

test("cloudflared's file is refused, and the refusal names the key for each of its keys but no value", async () => {
  await using folder = await createTemporaryDirectory();
  const file = join(folder.path, 'config.yml');
  await writeFile(
    file,
    'proxy-dns: true\nproxy-dns-port: 5053\nproxy-dns-upstream:\n  - https://secret.example/dns-query\nloglevel: info\ntunnel: 0\n',
  );
  const { code, stderr } = await runCli(['--config', file, 'tunnel']);
  assert.equal(code, 2);
  for (const words of ['proxy-dns-port is port', 'proxy-dns-upstream is upstream', 'loglevel', 'leave out tunnel']) {
    assert.ok(stderr.includes(words), stderr);
  }
  assert.ok(!stderr.includes('secret.example'));
});

test('a daemon with the command line of a cloudflared unit answers, says once what it ignores, and gets its flags for Node', async () => {
  const [program, ...launcher] = dns4tor();
  const line =
    '--no-autoupdate --edge-ip-version auto tunnel --proxy-dns --proxy-dns-address 127.0.0.1 --proxy-dns-port 0';
  const args = [...launcher, ...line.split(' '), '--tor-socks', 'unix:/nowhere'];
  await using daemon = await startProcess(program, args, { env: cleanEnvironment() });
  await daemon.waitUntil('it accepts queries', 20_000, () => daemon.output.includes('dns://127.0.0.1:'));
  assert.equal(daemon.output.split('--no-autoupdate, --edge-ip-version').length, 2);
  assert.match(await readFile(`/proc/${daemon.pid}/cmdline`, 'utf8'), /--heap-growing-percent/);
});
