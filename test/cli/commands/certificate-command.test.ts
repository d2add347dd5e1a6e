import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { access, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadSettings } from '../../../src/config/load.ts';
import { validate } from '../../../src/config/validate.ts';
import { parseShell } from '../../docs/shell.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { runCli } from '../run-cli.ts';

interface MadeJson {
  readonly directory: string;
  readonly authority: { readonly certificate: string; readonly isNew: boolean; readonly sha256: string };
  readonly server: { readonly key: string; readonly isRenewal: boolean; readonly names: readonly string[] };
  readonly doh: string;
  readonly dot: { readonly host: string; readonly port: number };
  readonly files: readonly string[];
}

const NAMES = ['192.168.1.2', 'dns.home.arpa'];

async function runJson(...args: readonly string[]): Promise<MadeJson> {
  const { code, stdout, stderr } = await runCli(['certificate', ...args, '--json']);
  assert.deepEqual([code, stderr], [0, '']);
  return JSON.parse(stdout) as MadeJson;
}

test('certificate makes an authority once, and renews the certificate', async () => {
  await using parent = await createTemporaryDirectory();
  const directory = join(parent.path, 'tls');
  const first = await runJson(...NAMES, '--directory', directory);
  assert.ok(first.authority.isNew && !first.server.isRenewal);
  assert.deepEqual(first.server.names, NAMES);
  assert.deepEqual(first.files.toSorted(), (await readdir(directory)).map((name) => join(directory, name)).toSorted());
  const second = await runJson('--directory', directory);
  assert.ok(!second.authority.isNew && second.server.isRenewal);
  assert.equal(second.authority.sha256, first.authority.sha256);
  assert.deepEqual(second.server.names, NAMES);
  const third = await runJson('--directory', directory, '--new-ca', 'www.example');
  assert.ok(third.authority.isNew);
  assert.notEqual(third.authority.sha256, first.authority.sha256);
});

test('the directory is relative to the working directory, and by default in the state directory of the user', async () => {
  await using state = await createTemporaryDirectory();
  const { code, stdout } = await runCli(['certificate', '--dry-run', '--json', '--directory', 'tls']);
  assert.equal(code, 0);
  assert.equal((JSON.parse(stdout) as MadeJson).directory, join(process.cwd(), 'tls'));
  const plain = await runCli(['certificate', '--dry-run', '--json'], { XDG_STATE_HOME: state.path });
  const expected = process.geteuid?.() === 0 ? '/etc/dns4tor/tls' : join(state.path, 'dns4tor/tls');
  assert.equal((JSON.parse(plain.stdout) as MadeJson).directory, expected);
});

test('a dry run makes nothing', async () => {
  await using directory = await createTemporaryDirectory();
  const { code, stdout } = await runCli(['certificate', ...NAMES, '--directory', directory.path, '--dry-run']);
  assert.equal(code, 0);
  for (const name of NAMES) assert.ok(stdout.includes(name));
  // Nobody will ever see the authority that was tried.
  assert.doesNotMatch(stdout, /(?:[0-9A-F]{2}:){31}/);
  assert.deepEqual(await readdir(directory.path), []);
});

test('the guide names the files, and neither it nor the JSON shows a key', async () => {
  await using directory = await createTemporaryDirectory();
  const { stdout } = await runCli(['certificate', ...NAMES, '--directory', directory.path]);
  for (const name of [
    'cert.pem',
    'key.pem',
    'ca.pem',
    'policies.json',
    'chromium.json',
    'dns4tor-https.mobileconfig',
  ]) {
    assert.ok(stdout.includes(name), name);
  }
  const again = await runCli(['certificate', '--directory', directory.path, '--json']);
  for (const name of ['key.pem', 'ca-key.pem']) {
    const pem = await readFile(join(directory.path, name), 'utf8');
    const [, , line = ''] = pem.split('\n');
    assert.ok(line.length > 10);
    for (const output of [stdout, again.stdout]) assert.ok(!output.includes(line));
    for (const other of (await readdir(directory.path)).filter((one) => one !== name)) {
      assert.ok(!(await readFile(join(directory.path, other), 'utf8')).includes(line), other);
    }
  }
});

test('ports, path and addresses are those of the configuration, whose certificate need not exist yet', async () => {
  await using directory = await createTemporaryDirectory();
  const config = join(directory.path, 'dns4tor.toml');
  const missing = JSON.stringify(join(directory.path, 'cert.pem'));
  const lines = [
    'doh-address = ["0.0.0.0", "203.0.113.7"]',
    'doh-port = 8443',
    'doh-path = "/dns"',
    'dot-port = 8853',
    `tls-cert = ${missing}`,
    `tls-key = ${missing}`,
  ];
  await writeFile(config, `${lines.join('\n')}\n`);
  const { doh, dot } = await runJson('--directory', directory.path, '--config', config, '--dry-run');
  assert.equal(doh, 'https://203.0.113.7:8443/dns');
  assert.equal(dot.port, 8853);
  const flagged = await runJson('--directory', directory.path, '--config', config, '--doh-port', '443', '--dry-run');
  assert.equal(flagged.doh, 'https://203.0.113.7/dns');
  await writeFile(config, 'doh-port = 99999\n');
  const { code } = await runCli(['certificate', '--directory', directory.path, '--config', config, '--dry-run']);
  assert.equal(code, 2);
});

test('the commands of the guide name files that exist, also in a directory whose name needs quotes', async () => {
  await using parent = await createTemporaryDirectory();
  const directory = join(parent.path, "my 'own' files");
  const { stdout } = await runCli(['certificate', ...NAMES, '--directory', directory]);
  const commands = parseShell(
    stdout
      .split('\n')
      .filter((line) => line.startsWith('  sudo install'))
      // As the docs' parser does not know it: a quote within quotes.
      .map((line) => line.replaceAll("'\\''", '\u2019'))
      .join('\n'),
  );
  const sources = commands.map((words) =>
    words.find((word) => word.startsWith(parent.path))?.replaceAll('\u2019', "'"),
  );
  assert.deepEqual(
    sources,
    ['policies.json', 'chromium.json', 'ca.pem'].map((name) => join(directory, name)),
  );
  for (const source of sources) await access(source ?? '');
});

for (const names of [['localhost'], NAMES, ['dns.home.arpa'], ['fd00::1', '127.0.0.1', '::1']]) {
  test(`dns4tor takes the configuration of the guide for ${names.join(', ')}`, async () => {
    await using directory = await createTemporaryDirectory();
    const { stdout } = await runCli(['certificate', ...names, '--directory', directory.path]);
    const lines = stdout.split('\n').filter((line) => /^ {2}[a-z-]+ = /.test(line));
    const config = join(directory.path, 'dns4tor.toml');
    await writeFile(config, lines.join('\n'));
    const { encrypted } = validate(loadSettings({ flags: { config: [config] }, env: {} }));
    assert.ok(encrypted.dohAddresses.length > 0 && encrypted.dotAddresses.length > 0);
    assert.equal(encrypted.tls?.certificatePath, join(directory.path, 'cert.pem'));
  });
}

test('modes do not depend on the umask', async () => {
  await using parent = await createTemporaryDirectory();
  const before = process.umask(0o077);
  try {
    await runJson(...NAMES, '--directory', join(parent.path, 'a', 'b'));
  } finally {
    process.umask(before);
  }
  const modeOf = async (path: string): Promise<number> => (await stat(join(parent.path, path))).mode & 0o777;
  assert.equal(await modeOf('a'), 0o755);
  assert.equal(await modeOf('a/b'), process.geteuid?.() === 0 ? 0o755 : 0o700);
  assert.equal(await modeOf('a/b/ca.pem'), 0o644);
  assert.equal(await modeOf('a/b/key.pem'), 0o600);
});

for (const args of [
  ['*.example'],
  ['dns.example', 'a b'],
  ['fe80::1%eth0'],
  ['--doh-port', '0'],
  ['--dot-port', '0'],
  ['--days', '826'],
  ['--days', '0'],
  ['--days', '1.5'],
  Array.from({ length: 65 }, (_, index) => `n${index}.example`),
]) {
  test(`a usage error makes nothing: ${args.slice(0, 2).join(' ')}`, async () => {
    await using directory = await createTemporaryDirectory();
    const { code, stdout } = await runCli(['certificate', ...args, '--directory', directory.path]);
    assert.deepEqual([code, stdout], [2, '']);
    assert.deepEqual(await readdir(directory.path), []);
  });
}

test('a name that the authority does not permit is an error with a remedy, and changes nothing', async () => {
  await using directory = await createTemporaryDirectory();
  await runJson(...NAMES, '--directory', directory.path);
  const before = await readFile(join(directory.path, 'cert.pem'), 'utf8');
  const { code, stderr } = await runCli(['certificate', 'www.example', '--directory', directory.path]);
  assert.equal(code, 1);
  assert.match(stderr, /--new-ca/);
  assert.equal(await readFile(join(directory.path, 'cert.pem'), 'utf8'), before);
});

test('the environment of OpenSSL does not change the certificates', async () => {
  await using directory = await createTemporaryDirectory();
  const config = join(directory.path, 'openssl.cnf');
  await writeFile(config, 'openssl_conf = missing\n[req]\nx509_extensions = v3\n[v3]\nbasicConstraints = CA:FALSE\n');
  const tls = join(directory.path, 'tls');
  const { code } = await runCli(['certificate', ...NAMES, '--directory', tls], { OPENSSL_CONF: config });
  assert.equal(code, 0);
  assert.ok(new X509Certificate(await readFile(join(tls, 'ca.pem'))).ca);
});
