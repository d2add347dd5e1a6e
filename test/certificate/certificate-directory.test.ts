import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type FileChange, readDirectory, writeFiles } from '../../src/certificate/certificate-directory.ts';
import { clientAddresses } from '../../src/certificate/clients/client-addresses.ts';
import { clientFiles } from '../../src/certificate/clients/client-files.ts';
import type { Dns4torError } from '../../src/failures/errors.ts';
import type { ErrorCode } from '../../src/failures/failures.ts';
import { createFileSystem, type FileSystem } from '../../src/system/transaction/file-system.ts';
import { createCertificateAuthority } from '../fixtures/certificates.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { type Failing, failAt } from '../system/failing-file-system.ts';
import { made, verify } from './made.ts';

const NAMES = ['192.168.1.2', 'dns.home.arpa'];
const LISTENERS = { dohPort: 443, dohPath: '/dns-query', dotPort: 853 };
const OWNER = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };

interface Run {
  readonly fs?: FileSystem;
  readonly newAuthority?: boolean;
  readonly names?: readonly string[];
}

/** Runs the command's steps. */
async function run(
  directory: string,
  { fs = createFileSystem(), newAuthority = false, names }: Run = {},
): Promise<void> {
  const held = await readDirectory(fs, directory, newAuthority);
  const plan = made([], held, { directory, names, ownNames: NAMES });
  const clients = clientFiles(clientAddresses(plan.names, LISTENERS), plan.authority.certificate, directory);
  await writeFiles(fs, directory, [...plan.changes, ...clients], OWNER);
}

async function textsIn(directory: string): Promise<Readonly<Record<string, string>>> {
  const names: readonly string[] = await readdir(directory).catch(() => []);
  const texts = names.toSorted().map(async (name) => [name, await readFile(join(directory, name), 'utf8')] as const);
  return Object.fromEntries(await Promise.all(texts));
}

/** Whether the two files of a running daemon belong together. */
function isPair(texts: Readonly<Record<string, string>>): boolean {
  const { 'cert.pem': certificate = '', 'key.pem': key = '' } = texts;
  return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
}

test('keys are for the owner alone, everything else is for everybody, and nothing else is left', async () => {
  await using parent = await createTemporaryDirectory();
  const directory = join(parent.path, 'new', 'tls');
  await run(directory);
  const modes = Object.fromEntries(
    await Promise.all(
      (await readdir(directory)).map(async (name) => [name, (await stat(join(directory, name))).mode & 0o777] as const),
    ),
  );
  assert.deepEqual(modes, {
    'ca-key.pem': 0o600,
    'ca.pem': 0o644,
    'cert.pem': 0o644,
    'chromium.json': 0o644,
    'dns4tor-https.mobileconfig': 0o644,
    'dns4tor-tls.mobileconfig': 0o644,
    'key.pem': 0o600,
    'policies.json': 0o644,
  });
  assert.equal((await stat(directory)).mode & 0o777, OWNER.uid === 0 ? 0o755 : 0o700);
});

test('another run changes the certificate alone, and keeps the mode that an administrator gave to the key', async () => {
  await using parent = await createTemporaryDirectory();
  const directory = join(parent.path, 'tls');
  await run(directory);
  await chmod(join(directory, 'key.pem'), 0o640);
  const before = await textsIn(directory);
  await run(directory);
  const after = await textsIn(directory);
  const changed = Object.keys(after).filter((name) => after[name] !== before[name]);
  assert.deepEqual(changed, ['cert.pem']);
  assert.equal((await stat(join(directory, 'key.pem'))).mode & 0o777, 0o640);
  assert.ok(isPair(after));
});

test('a file for clients that cannot be made any more is removed', async () => {
  await using parent = await createTemporaryDirectory();
  await run(parent.path);
  await run(parent.path, { newAuthority: true, names: ['localhost'] });
  assert.deepEqual(Object.keys(await textsIn(parent.path)), [
    'ca-key.pem',
    'ca.pem',
    'cert.pem',
    'chromium.json',
    'key.pem',
    'policies.json',
  ]);
});

const SITUATIONS: Readonly<Record<string, { readonly isFirst: boolean; readonly again: Run }>> = {
  'the first run': { isFirst: true, again: {} },
  'a renewal': { isFirst: false, again: {} },
  'a new authority': { isFirst: false, again: { newAuthority: true } },
};

for (const [name, { isFirst, again }] of Object.entries(SITUATIONS)) {
  for (const failing of ['once before', 'once after', 'for good'] satisfies Failing[]) {
    test(`${name} that fails at any operation (${failing}) leaves files that the next run completes`, async () => {
      await using parent = await createTemporaryDirectory();
      for (let nth = 1; ; nth++) {
        const directory = join(parent.path, String(nth));
        if (!isFirst) await run(directory);
        const before = await textsIn(directory);
        const failure = failAt(createFileSystem(), nth, failing);
        await run(directory, { ...again, fs: failure.fs }).catch(() => {});
        if (!failure.hasFailed) {
          assert.ok(nth > 10, 'there was hardly anything to fail');
          return;
        }
        const between = await textsIn(directory);
        // The daemon may start at any time.
        if (!isFirst || between['cert.pem'] !== undefined) assert.ok(isPair(between), `operation ${nth}`);
        if (again.newAuthority !== true && !isFirst) assert.equal(between['ca.pem'], before['ca.pem']);

        await run(directory);
        const after = await textsIn(directory);
        assert.ok(isPair(after), `operation ${nth}`);
        assert.ok(
          Object.keys(after).every((one) => !one.startsWith('.')),
          `operation ${nth}`,
        );
        const { 'ca.pem': authority = '', 'cert.pem': certificate = '' } = after;
        assert.ok(new X509Certificate(certificate).verify(new X509Certificate(authority).publicKey));
        await rm(directory, { recursive: true });
      }
    });
  }
}

test('certificates and keys of others, damaged authorities and unsafe directories are refused', async () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const foreignKey = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await using ca = await createCertificateAuthority();
  const foreign = await readFile((await ca.issue(['localhost'])).certificatePath, 'utf8');
  const otherKey = made(NAMES).authority.key.export({ type: 'pkcs8', format: 'pem' }).toString();
  const cases: readonly (readonly [ErrorCode, Readonly<Record<string, string | undefined>>])[] = [
    ['ERR_CERTIFICATE_FOREIGN', { 'cert.pem': foreign }],
    ['ERR_CERTIFICATE_FOREIGN', { 'cert.pem': 'no certificate' }],
    ['ERR_CERTIFICATE_FOREIGN', { 'key.pem': foreignKey }],
    ['ERR_CERTIFICATE_FOREIGN', { 'key.pem': '' }],
    ['ERR_CERTIFICATE_AUTHORITY', { 'ca-key.pem': undefined }],
    ['ERR_CERTIFICATE_AUTHORITY', { 'ca-key.pem': undefined, 'ca.pem': undefined }],
    ['ERR_CERTIFICATE_AUTHORITY', { 'ca-key.pem': foreignKey }],
    ['ERR_CERTIFICATE_AUTHORITY', { 'ca-key.pem': otherKey }],
    ['ERR_CERTIFICATE_AUTHORITY', { 'ca.pem': foreign }],
    ['ERR_CERTIFICATE_AUTHORITY', { 'ca.pem': '' }],
  ];
  for (const [code, texts] of cases) {
    await using directory = await createTemporaryDirectory();
    await run(directory.path);
    for (const [name, text] of Object.entries(texts)) {
      if (text === undefined) await rm(join(directory.path, name));
      else await writeFile(join(directory.path, name), text);
    }
    const before = await textsIn(directory.path);
    await assert.rejects(run(directory.path), { code } satisfies Partial<Dns4torError>, Object.keys(texts).join());
    assert.deepEqual(await textsIn(directory.path), before);
    if (code === 'ERR_CERTIFICATE_AUTHORITY') await run(directory.path, { newAuthority: true });
  }
  await using parent = await createTemporaryDirectory();
  const open = join(parent.path, 'open');
  await mkdir(open);
  await chmod(open, 0o777);
  await assert.rejects(run(join(open, 'tls')), { code: 'ERR_CERTIFICATE_UNSAFE' } satisfies Partial<Dns4torError>);
  assert.deepEqual(await readdir(open), []);
});

test('the certificate that the files hold is valid under the authority that they hold', async () => {
  await using directory = await createTemporaryDirectory();
  await run(directory.path);
  await run(directory.path);
  const texts = await textsIn(directory.path);
  const at = (name: FileChange['name']): X509Certificate => new X509Certificate(texts[name] ?? '');
  assert.equal(await verify(at('ca.pem'), at('cert.pem'), '-verify_ip', '192.168.1.2'), 'OK');
});
