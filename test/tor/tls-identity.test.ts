import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dns4torError } from '../../src/lib/errors.ts';
import { toTlsError } from '../../src/tor/tls-identity.ts';

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

test('an error of the chain, of the clock and of the protocol are told apart', () => {
  for (const [code, expected] of CODES) {
    const cause = Object.assign(new Error('handshake failed'), { code });
    const error = toTlsError(cause);
    assert.equal(error.code, expected);
    assert.equal(error.cause, cause);
    assert.ok(error.message.startsWith(`${code}: `), error.message);
  }
  assert.equal(toTlsError(new Error('socket hang up')).code, 'ERR_TLS');
});

test('a refusal of ours keeps its code', () => {
  const refusal = new Dns4torError('ERR_TLS_PIN');
  assert.equal(toTlsError(refusal), refusal);
});
