import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { chmod, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Parsed } from '../../../src/config/config-problem.ts';
import {
  pairProblems,
  readCertificateAndKey,
  readPrivateKey,
  readServerCertificate,
} from '../../../src/config/parse/server-certificate.ts';
import { ServerIdentity } from '../../../src/listener/tls/server-identity.ts';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  type ServerCertificate,
} from '../../fixtures/certificates.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';
import { createTemporaryDirectory, type TemporaryDirectory } from '../../fixtures/temporary-directory.ts';

let ca: CertificateAuthority;
let server: ServerCertificate;
let directory: TemporaryDirectory;
before(async () => {
  directory = await createTemporaryDirectory();
  ca = await createCertificateAuthority();
  server = await ca.issue(['dns.example']);
});
after(async () => {
  await ca[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

async function file(name: string, content: string, mode = 0o600): Promise<string> {
  const path = join(directory.path, name);
  await writeFile(path, content);
  await chmod(path, mode);
  return path;
}

function valueOf<T>(parsed: Parsed<T>): T {
  assert.ok('value' in parsed, JSON.stringify(parsed));
  return parsed.value;
}

test('a chain keeps its order, and loses what is not a certificate', async () => {
  const [leaf, root] = await Promise.all(
    [server.certificatePath, ca.certificatePath].map((path) => readFile(path, 'utf8')),
  );
  const path = await file('chain.pem', `a comment\n${leaf}\n${root}`);
  const { certificate } = valueOf(readServerCertificate(path));
  assert.equal(certificate.match(/BEGIN CERTIFICATE/g)?.length, 2);
  assert.equal(new X509Certificate(certificate).fingerprint256, new X509Certificate(leaf ?? '').fingerprint256);
  assert.ok(!certificate.includes('comment'));
});

test('keys of all usual kinds and forms are read', async () => {
  const keys = [
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'sec1', format: 'pem' }),
    generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
    generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs1', format: 'pem' }),
    generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }),
  ];
  for (const pem of keys) {
    const { key } = valueOf(readPrivateKey(await file('key.pem', String(pem))));
    assert.ok(key.equals(createPrivateKey(pem)));
  }
});

test('one file may hold the certificate and its key', async () => {
  const both = `${await readFile(server.certificatePath, 'utf8')}\n${await readFile(server.keyPath, 'utf8')}`;
  const path = await file('both.pem', both);
  const tls = valueOf(readCertificateAndKey(path, path));
  assert.ok(!tls.certificate.includes('PRIVATE KEY'));
  assert.doesNotThrow(() => new ServerIdentity(tls, new ManualClock()));
});

test('no text made of a key contains it', async () => {
  const value = valueOf(readPrivateKey(server.keyPath));
  assert.equal(JSON.stringify(value), JSON.stringify({ path: server.keyPath, key: {} }));
});

test('what is not a private key is refused without being quoted', async () => {
  const secret = 'MHcCAQEEIIrYSSNQFaA2HwfwsKq4';
  const contents = [
    '',
    secret,
    `-----BEGIN EC PRIVATE KEY-----\n${secret}\n-----END EC PRIVATE KEY-----\n`,
    await readFile(server.certificatePath, 'utf8'),
  ];
  for (const content of contents) {
    const parsed = readPrivateKey(await file('wrong.pem', content));
    assert.ok('problem' in parsed);
    assert.ok(!JSON.stringify(parsed).includes(secret));
  }
});

test('a key with a passphrase is told apart from a file without a key, in both of its forms', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const options = { format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' } as const;
  const problems: unknown[] = [];
  for (const type of ['pkcs8', 'sec1'] as const) {
    const pem = String(privateKey.export({ ...options, type }));
    const parsed = readPrivateKey(await file('locked.pem', pem));
    problems.push('problem' in parsed && parsed.problem);
  }
  const noKey = readPrivateKey(await file('locked.pem', '-- ENCRYPTED --'));
  assert.equal(new Set(problems).size, 1);
  assert.ok('problem' in noKey && noKey.problem !== problems[0]);
});

test('a key that others can read or replace is refused, also behind a link; a group may read it', async () => {
  const key = await readFile(server.keyPath, 'utf8');
  const open = await file('open.pem', key, 0o604);
  assert.ok('problem' in readPrivateKey(open));
  const link = join(directory.path, 'link.pem');
  await symlink(open, link);
  assert.ok('problem' in readPrivateKey(link));
  assert.ok('value' in readPrivateKey(await file('group.pem', key, 0o640)));
});

test('missing files and directories are refused', () => {
  for (const path of [join(directory.path, 'missing.pem'), directory.path]) {
    assert.ok('problem' in readPrivateKey(path));
    assert.ok('problem' in readServerCertificate(path));
  }
});

test('a key must belong to the first certificate of the chain', async () => {
  const [leaf, root] = await Promise.all(
    [server.certificatePath, ca.certificatePath].map((path) => readFile(path, 'utf8')),
  );
  const key = valueOf(readPrivateKey(server.keyPath));
  const problemsOf = (certificate: string): number => pairProblems({ path: 'chain.pem', certificate }, key).length;
  assert.equal(problemsOf(`${leaf}\n${root}`), 0);
  assert.equal(problemsOf(`${root}\n${leaf}`), 1);
  const other = await ca.issue(['other.example']);
  assert.ok('problem' in readCertificateAndKey(server.certificatePath, other.keyPath));
});

test('a certificate that TLS would not take is a problem of the configuration, not of a start', async () => {
  const { certificatePath, keyPath } = await ca.issue(['weak.example'], { key: 'rsa:1024' });
  assert.ok('problem' in readCertificateAndKey(certificatePath, keyPath));
});

test('whatever is accepted can be presented', async () => {
  for (const key of ['rsa:2048', 'ec -pkeyopt ec_paramgen_curve:P-384', 'ed25519']) {
    const { certificatePath, keyPath } = await ca.issue(['dns.example'], { key });
    const tls = valueOf(readCertificateAndKey(certificatePath, keyPath));
    assert.doesNotThrow(() => new ServerIdentity(tls, new ManualClock()), key);
  }
});
