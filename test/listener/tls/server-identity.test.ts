import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, test } from 'node:test';
import tls, { type ConnectionOptions, connect, type SecureVersion } from 'node:tls';
import { ServerIdentity } from '../../../src/listener/tls/server-identity.ts';
import { createCertificateAuthority } from '../../fixtures/certificates.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';
import { type DotService, HOST, materialOf, startDot } from '../dot/dot-harness.ts';
import { echo } from '../harness.ts';

const authority = await createCertificateAuthority();
after(() => authority[Symbol.asyncDispose]());

const DAY_MS = 86_400_000;
const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const satisfies readonly SecureVersion[];
const only = (version: SecureVersion): ConnectionOptions => ({ minVersion: version, maxVersion: version });
/** Makes OpenSSL allow versions before 1.2, and their digests. */
const ANCIENT = { ciphers: 'DEFAULT:@SECLEVEL=0' };

/** The code of the error with which the handshake fails; undefined if it succeeds. */
async function failureOf(service: DotService, options: ConnectionOptions): Promise<string | undefined> {
  const socket = connect({ port: service.listener.port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  const failure = await once(socket, 'secureConnect').then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error.code,
  );
  socket.destroy();
  return failure;
}

test('RFC 8310 §8: TLS 1.2 and 1.3 are accepted, older versions are not, whatever the defaults of Node are', async () => {
  const { DEFAULT_MIN_VERSION, DEFAULT_CIPHERS } = tls;
  // As NODE_OPTIONS=--tls-min-v1.0 and --tls-cipher-list do.
  tls.DEFAULT_MIN_VERSION = 'TLSv1';
  tls.DEFAULT_CIPHERS = 'ALL:@SECLEVEL=0';
  try {
    await using service = await startDot(authority, echo);
    for (const version of VERSIONS) {
      const { socket } = await service.connect(only(version));
      assert.equal(socket.getProtocol(), version);
    }
    for (const version of ['TLSv1', 'TLSv1.1'] as const) {
      const code = await failureOf(service, { ...only(version), ...ANCIENT });
      assert.equal(code, 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
    }
  } finally {
    tls.DEFAULT_MIN_VERSION = DEFAULT_MIN_VERSION;
    tls.DEFAULT_CIPHERS = DEFAULT_CIPHERS;
  }
});

test('RFC 9325 §4.2: a client of TLS 1.2 gets forward secrecy and an AEAD, or no connection', async () => {
  const { DEFAULT_CIPHERS } = tls;
  tls.DEFAULT_CIPHERS = 'ALL:@SECLEVEL=0';
  try {
    await using service = await startDot(authority, echo);
    for (const ciphers of ['ECDHE-ECDSA-AES128-SHA', 'ECDHE-ECDSA-AES256-SHA384', 'AES128-GCM-SHA256']) {
      const code = await failureOf(service, { ...only('TLSv1.2'), ciphers: `${ciphers}:@SECLEVEL=0` });
      assert.equal(code, 'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE', ciphers);
    }
    for (const ciphers of ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-CHACHA20-POLY1305']) {
      const { socket } = await service.connect({ ...only('TLSv1.2'), ciphers });
      assert.equal(socket.getCipher().name, ciphers);
    }
  } finally {
    tls.DEFAULT_CIPHERS = DEFAULT_CIPHERS;
  }
});

test('the client’s order of cipher suites decides', async () => {
  await using service = await startDot(authority, echo);
  for (const first of ['TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_GCM_SHA256']) {
    const { socket } = await service.connect({ ciphers: `${first}:TLS_AES_256_GCM_SHA384` });
    assert.equal(socket.getCipher().name, first);
  }
});

/** A session that can be resumed. The server sends it after the handshake. */
async function sessionOf(service: DotService, version: SecureVersion): Promise<Buffer> {
  let session: Buffer | undefined;
  const client = await service.connect(only(version));
  client.socket.on('session', (given: Buffer) => (session = given));
  // With TLS 1.2 it came before the listener was there.
  if (version === 'TLSv1.2') session = client.socket.getSession();
  client.send(Buffer.alloc(12));
  await client.received(1);
  client.socket.destroy();
  assert.ok(session !== undefined);
  return session;
}

async function isResumed(service: DotService, version: SecureVersion, session: Buffer): Promise<boolean> {
  const client = await service.connect({ ...only(version), session });
  const isReused: boolean = client.socket.isSessionReused();
  // A connection is served whether or not the session was resumed.
  client.send(Buffer.alloc(12));
  await client.received(1);
  client.socket.destroy();
  return isReused;
}

for (const version of VERSIONS) {
  test(`RFC 7858 §3.4: a session is resumed (${version})`, async () => {
    await using service = await startDot(authority, echo);
    assert.equal(await isResumed(service, version, await sessionOf(service, version)), true);
  });

  test(`RFC 9325 §3.4: the key for session tickets changes daily (${version})`, async () => {
    await using service = await startDot(authority, echo);
    service.parts.clock.advance(DAY_MS - 1);
    const session = await sessionOf(service, version);
    assert.equal(await isResumed(service, version, session), true);
    service.parts.clock.advance(1);
    assert.equal(await isResumed(service, version, session), false);
  });

  test(`no session is resumed with another certificate (${version})`, async () => {
    await using service = await startDot(authority, echo);
    const session = await sessionOf(service, version);
    service.identity.replace(await materialOf(await authority.issue([HOST])));
    assert.equal(await isResumed(service, version, session), false);
  });
}

test('a key that does not belong to the certificate changes nothing', async () => {
  const [first, second] = await Promise.all([authority.issue([HOST]), authority.issue([HOST])]).then((issued) =>
    Promise.all(issued.map((each) => materialOf(each))),
  );
  assert.ok(first !== undefined && second !== undefined);
  const mixed = { certificate: first.certificate, key: second.key };
  assert.throws(() => new ServerIdentity(mixed, new ManualClock()));
  const identity = new ServerIdentity(second, new ManualClock());
  const { context, certificate } = identity;
  assert.throws(() => identity.replace(mixed));
  assert.equal(identity.context, context);
  assert.equal(identity.certificate, certificate);
});

test('RFC 9325 §3.5: a client of TLS 1.2 cannot renegotiate', async () => {
  await using service = await startDot(authority, echo);
  const { socket } = await service.connect(only('TLSv1.2'));
  // `secure` would be a second handshake.
  const outcome = once(socket, 'secure').catch((error: NodeJS.ErrnoException) => error.code);
  assert.equal(
    socket.renegotiate({}, () => {}),
    true,
  );
  assert.equal(await outcome, 'ERR_SSL_NO_RENEGOTIATION');
});
