import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createCertificateAuthority } from '../../fixtures/certificates.ts';
import { COMMAND, cleanEnvironment } from '../../fixtures/process/daemon.ts';
import { startProcess } from '../../fixtures/process/process.ts';
import { runProgram } from '../../fixtures/process/run-program.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { type EncryptedLab, encryptedFlags, startEncryptedLab } from './encrypted-lab.ts';

/*
 * TLS on the listeners for DoT and DoH, as OpenSSL's own client sees it.
 */

let lab: EncryptedLab;
before(async () => {
  lab = await startEncryptedLab(['127.0.0.1'], '--tcp-idle-timeout', '700ms');
});
after(() => lab[Symbol.asyncDispose]());

/** What `openssl s_client` prints. Rejects if the handshake or the connection fails. */
function handshake(port: number, args: readonly string[] = [], input = ''): Promise<string> {
  return runProgram('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, ...args], { input });
}

/** Makes OpenSSL use versions before 1.2, and the digests that they need. */
const ANCIENT = ['-cipher', 'ALL:@SECLEVEL=0'];

async function assertVersions(port: number): Promise<void> {
  for (const version of ['-tls1', '-tls1_1']) {
    await assert.rejects(handshake(port, [version, ...ANCIENT]), /alert protocol version/);
  }
  for (const [flag, version] of [
    ['-tls1_2', 'TLSv1.2'],
    ['-tls1_3', 'TLSv1.3'],
  ] as const) {
    assert.match(await handshake(port, [flag]), new RegExp(`^New, ${version.replace('.', '\\.')}, Cipher is `, 'm'));
  }
}

test('RFC 8310 §8: TLS 1.2 and 1.3 are spoken, and no older version', async () => {
  await assertVersions(lab.ports.dot);
  await assertVersions(lab.ports.doh);
});

test('no environment variable makes older versions or weak ciphers acceptable, even without the launcher', async () => {
  await using authority = await createCertificateAuthority();
  await using directory = await createTemporaryDirectory();
  const OPENSSL_CONF = join(directory.path, 'openssl.cnf');
  const section = 'MinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0\n';
  const config = `nodejs_conf = init\nopenssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\nsystem_default = weak\n[weak]\n`;
  await writeFile(OPENSSL_CONF, config + section);
  const env = { ...cleanEnvironment(), OPENSSL_CONF, NODE_OPTIONS: '--tls-min-v1.0 --tls-cipher-list=ALL:@SECLEVEL=0' };
  const { flags } = await encryptedFlags(authority);
  const local = ['--address', '127.0.0.1', '--port', '0', '--metrics', 'localhost:0', '--control-socket', 'none'];
  await using daemon = await startProcess(process.execPath, [COMMAND, 'proxy-dns', ...local, ...flags], { env });
  const portOf = (): number => Number(/\baddress\W+tls:\/\/[^\s"]+:(\d+)/.exec(daemon.output)?.[1]);
  await daemon.waitUntil('it serves DoT', 15_000, () => portOf() > 0);
  await assertVersions(portOf());
  const weak = ['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0'];
  await assert.rejects(handshake(portOf(), weak), /alert handshake failure/);
});

test('RFC 7858 §3.1: a client may offer dot, or nothing; with only other protocols it is refused (RFC 7301 §3.2)', async () => {
  const { dot } = lab.ports;
  assert.match(await handshake(dot, ['-alpn', 'dot']), /^ALPN protocol: dot$/m);
  assert.match(await handshake(dot, ['-alpn', 'h2,dot']), /^ALPN protocol: dot$/m);
  assert.match(await handshake(dot), /^No ALPN negotiated$/m);
  await assert.rejects(handshake(dot, ['-alpn', 'h2']), /alert no application protocol/);
});

test('RFC 9325 §3.5: a client of TLS 1.2 cannot renegotiate', async () => {
  await assert.rejects(handshake(lab.ports.dot, ['-tls1_2'], 'R\n'), /no renegotiation/);
});

test('RFC 9325 §3.9: no server accepts early data, and sessions are resumed', async () => {
  await using directory = await createTemporaryDirectory();
  for (const port of [lab.ports.dot, lab.ports.doh]) {
    const session = join(directory.path, `session-${port}`);
    const early = join(directory.path, 'early');
    await writeFile(early, 'x');
    // Open until the server closes it for idleness, because tickets come after the handshake.
    const first = await handshake(port, ['-tls1_3', '-ign_eof', '-sess_out', session]);
    assert.match(first, /^ +Max Early Data: 0$/m);
    const second = await handshake(port, ['-tls1_3', '-sess_in', session, '-early_data', early]);
    assert.match(second, /^Reused, TLSv1\.3, /m);
    assert.match(second, /^Early data was not sent$/m);
  }
});
