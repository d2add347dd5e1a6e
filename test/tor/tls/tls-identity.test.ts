import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import type { DetailedPeerCertificate } from 'node:tls';
import { Dns4torError } from '../../../src/failures/errors.ts';
import { toTlsError } from '../../../src/tor/tls/tls-identity.ts';
import { createCertificateAuthority } from '../../fixtures/certificates.ts';

const CODES = [
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'ERR_TLS_UNTRUSTED'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'ERR_TLS_UNTRUSTED'],
  ['CERT_HAS_EXPIRED', 'ERR_TLS_VALIDITY'],
  ['CERT_NOT_YET_VALID', 'ERR_TLS_VALIDITY'],
  ['INVALID_CA', 'ERR_TLS_PURPOSE'],
  ['CERT_REVOKED', 'ERR_TLS_CHAIN'],
  ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'ERR_TLS_VERSION'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_TLS'],
  ['ECONNRESET', 'ERR_TLS'],
] as const;

test('errors of the chain, the clock and the protocol get different codes', () => {
  for (const [code, expected] of CODES) {
    const cause = Object.assign(new Error('handshake failed'), { code });
    const error = toTlsError(cause);
    assert.equal(error.code, expected);
    assert.equal(error.cause, cause);
    assert.ok(error.message.startsWith(`${code}: `), error.message);
  }
  assert.equal(toTlsError(new Error('socket hang up')).code, 'ERR_TLS');
});

// Without a connection: TLS 1.3 has no signature scheme for such a key, so only an issuer can have one.
test('an elliptic-curve key below 224 bits is reported as too small, although Node does not name the weakness', async () => {
  await using authority = await createCertificateAuthority();
  const codeFor = async (curve: string): Promise<string> => {
    const { certificatePath } = await authority.issue(['a.test'], { key: `ec -pkeyopt ec_paramgen_curve:${curve}` });
    const certificate = new X509Certificate(await readFile(certificatePath));
    const cause = Object.assign(new Error('refused'), { code: 'UNSPECIFIED' });
    return toTlsError(cause, certificate.toLegacyObject() as DetailedPeerCertificate).code;
  };
  assert.equal(await codeFor('prime192v1'), 'ERR_TLS_KEY_SIZE');
  assert.equal(await codeFor('secp224r1'), 'ERR_TLS_CHAIN');
});

test('an error of dns4tor keeps its code', () => {
  const refusal = new Dns4torError('ERR_TLS_PIN');
  assert.equal(toTlsError(refusal), refusal);
});
