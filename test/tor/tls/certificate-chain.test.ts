import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import type { DetailedPeerCertificate } from 'node:tls';
import { certificatesOf, signedChain, tbsHash } from '../../../src/tor/tls/certificate-chain.ts';
import { createCertificateAuthority } from '../../fixtures/certificates.ts';
import { opensslTbsHash } from '../../fixtures/openssl-tbs-hash.ts';
import { runProgram } from '../../fixtures/process/run-program.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';

/** A chain as Node would report it: each certificate with the next one as its issuer. The last is its own issuer. */
async function chainOf(...paths: readonly string[]): Promise<DetailedPeerCertificate> {
  const links = await Promise.all(
    paths.map(async (path) => new X509Certificate(await readFile(path)).toLegacyObject() as DetailedPeerCertificate),
  );
  for (const [index, link] of links.entries()) link.issuerCertificate = links[index + 1] ?? link;
  return links[0] as DetailedPeerCertificate;
}

test('the hash of a TBS certificate is the one that openssl computes', async () => {
  await using authority = await createCertificateAuthority();
  // A long list of names needs a longer length field.
  const names = Array.from({ length: 40 }, (_, index) => `name-${index}.example`);
  for (const { certificatePath } of [await authority.issue(['a.test']), await authority.issue(names)]) {
    const certificate = new X509Certificate(await readFile(certificatePath));
    assert.equal(tbsHash(certificate), await opensslTbsHash(certificatePath));
  }
});

test('a chain includes the authority that signed the certificate', async () => {
  await using authority = await createCertificateAuthority();
  const { certificatePath } = await authority.issue(['a.test']);
  assert.equal(signedChain(await chainOf(certificatePath, authority.certificatePath)).length, 2);
});

test('an authority of the same name that did not sign the certificate is not part of the chain', async () => {
  await using authority = await createCertificateAuthority();
  await using other = await createCertificateAuthority();
  const { certificatePath } = await authority.issue(['a.test']);
  const chain = await chainOf(certificatePath, other.certificatePath);
  assert.equal(certificatesOf(chain).length, 2);
  assert.deepEqual(
    signedChain(chain).map(({ fingerprint256 }) => fingerprint256),
    [new X509Certificate(await readFile(certificatePath)).fingerprint256],
  );
});

test('a server certificate that signed another one leads to no authority', async () => {
  await using authority = await createCertificateAuthority();
  await using directory = await createTemporaryDirectory();
  const server = await authority.issue(['mine.test']);
  const forged = `${directory.path}/forged.pem`;
  await runProgram('openssl', [
    ...'req -x509 -nodes -days 7 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=victim.test'.split(' '),
    '-keyout',
    `${directory.path}/forged.key`,
    '-out',
    forged,
    '-CA',
    server.certificatePath,
    '-CAkey',
    server.keyPath,
  ]);
  assert.equal(signedChain(await chainOf(forged, server.certificatePath, authority.certificatePath)).length, 1);
});
