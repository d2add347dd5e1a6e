import assert from 'node:assert/strict';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type CertificateAuthority, createCertificateAuthority } from '../fixtures/certificates.ts';
import { buildQuery } from '../fixtures/dns/messages.ts';
import { findProgram } from '../fixtures/process/find-program.ts';
import { createTemporaryDirectory, type TemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { type EncryptedFlags, encryptedFlags, encryptedPorts } from '../protocol/encrypted/encrypted-lab.ts';
import { dohTarget } from '../protocol/encrypted/honest-clients.ts';
import { assertLacks, assertLeavesNoTrace, createCanary, pagesOf } from './canary.ts';
import { type ConfinedDaemon, ENCRYPTED_TRANSPORTS } from './confined-daemon.ts';
import { type ConfinedBehindDouble, startConfinedBehindDouble } from './confined-double.ts';
import { type Namespace, startNamespace } from './namespace.ts';
import { secretsOfKey } from './private-key.ts';

/*
 * The listeners for DoT and DoH in a network namespace that sees every packet. All names start with one label, which
 * must not appear anywhere: GET requests carry it in their URL. The private key must not appear either.
 */

const ZONE = 'dns4tor-lab.net';
interface KeyScene {
  readonly certificate: string;
  readonly key: string;
  /** Of the key's file. @default 0o600 */
  readonly mode?: number;
  /** Exit status of `proxy-dns --check`. */
  readonly status: number;
}

/** The statuses of requests that carry a name and are refused. */
const REFUSED = '400 403 404 405 413 415'.split(' ');

const canary = createCanary();
let asked = 0;
const newName = (): string => `${canary}-${asked++}.${ZONE}`;
const newWire = (): Buffer => Buffer.from(buildQuery({ name: newName() }));

let namespace: Namespace;
let authority: CertificateAuthority;
let encrypted: EncryptedFlags;
let keySecrets: readonly string[];
let running: ConfinedBehindDouble;
let daemon: ConfinedDaemon;
/** For certificates and keys. */
let files: TemporaryDirectory;

async function assertClean(): Promise<void> {
  const pages = await pagesOf(daemon);
  for (const secret of [canary, ...keySecrets]) {
    assertLacks(pages, secret);
    assertLacks(daemon.log, secret);
  }
  await assertLeavesNoTrace(canary, daemon);
  assert.equal(await namespace.leakedPackets(), 0, 'packets tried to bypass Tor');
}

/** Sends requests to the DoH listener, each on its own connection. Returns their statuses. */
async function curl(...requests: readonly (readonly string[])[]): Promise<readonly string[]> {
  const options = ['--silent', '--insecure', '--output', '/dev/null', '--write-out', '%{http_code}\n'];
  const args = requests.flatMap((request, index) => [...(index > 0 ? ['--next'] : []), ...options, ...request]);
  return (await namespace.run(await findProgram('curl'), ...args)).trim().split('\n');
}

describe('G1, G8, G13: over DoT and DoH no packet leaves but to loopback, no name is left anywhere, and no key', () => {
  let url: string;
  before(async () => {
    [namespace, authority, files] = await Promise.all([
      startNamespace(),
      createCertificateAuthority(),
      createTemporaryDirectory(),
    ]);
    encrypted = await encryptedFlags(authority);
    keySecrets = await secretsOfKey(encrypted.keyPath);
    running = await startConfinedBehindDouble(namespace, [...encrypted.flags, '--serve-stale', '0s']);
    ({ daemon } = running);
    await daemon.answers();
    url = `https://127.0.0.1:${encryptedPorts(daemon.log).doh}`;
  });
  after(async () => {
    await running[Symbol.asyncDispose]();
    for (const each of [namespace, authority, files]) await each[Symbol.asyncDispose]();
  });

  test('names and types of all kinds, over TLS and by POST and GET, from the cache and not', async () => {
    for (const over of ENCRYPTED_TRANSPORTS) {
      const name = newName();
      for (const args of [['A'], ['A'], ['AAAA', '+padding'], ['HTTPS', '+dnssec']]) {
        assert.equal((await daemon.askEncrypted(over, name, ...args)).status, 'NOERROR', over);
      }
      assert.equal((await daemon.askEncrypted(over, `${canary}.onion`)).status, 'NXDOMAIN', over);
    }
    await assertClean();
  });

  test('requests that are refused, with a name in their path, their fields, their body or the TLS handshake', async () => {
    const type = ['--header', 'Content-Type: application/dns-message'];
    const body = ['--data-binary', newName()];
    const { port } = new URL(url);
    const requests = [
      [`${url}/${newName()}`],
      [url + dohTarget(newWire(), '/other')],
      [`${url}/dns-query?name=${newName()}`],
      [`${url + dohTarget(newWire())}&${dohTarget(newWire()).split('?')[1]}`],
      [`${url}${dohTarget(newWire())}%00`],
      ['--request', 'PUT', ...type, ...body, `${url}/dns-query`],
      ['--request', newName().toUpperCase(), `${url}/dns-query`],
      ['--header', `Content-Type: text/${canary}`, ...body, `${url}/dns-query`],
      ['--header', `Content-Encoding: ${canary}`, ...type, ...body, `${url}/dns-query`],
      ['--header', `Origin: https://${newName()}`, url + dohTarget(newWire())],
      [...type, '--data-binary', newName().repeat(3000), `${url}/dns-query`],
      ['--resolve', `${canary}.example:${port}:127.0.0.1`, `https://${canary}.example:${port}/${newName()}`],
    ];
    for (const version of ['--http1.1', '--http2']) {
      const statuses = await curl(...requests.map((request) => [version, ...request]));
      assert.equal(statuses.length, requests.length);
      assert.deepEqual(
        statuses.filter((status) => !REFUSED.includes(status)),
        [],
        `${version}: ${statuses.join(' ')}`,
      );
    }
    // Its header is too large, which ends an HTTP/2 stream without a response.
    await curl(['--header', `X: ${newName().repeat(2000)}`, `${url}/dns-query`]).catch(() => {});
    // Too short for a message, and a message with a pointer to itself.
    const malformed = [newWire().subarray(0, 30), Buffer.concat([newWire(), Buffer.of(0xc0, 0x0c)])];
    await curl(...malformed.map((wire) => [url + dohTarget(wire)]));
    await assertClean();
  });

  test('failures: an upstream that refuses, and Tor that is down', async () => {
    running.upstream.behaviour = () => ({ status: 500, body: new Uint8Array(0) });
    for (const over of ENCRYPTED_TRANSPORTS) {
      const { status, ede } = await daemon.askEncrypted(over, newName());
      assert.equal(status, 'SERVFAIL', over);
      assertLacks(ede.join(), canary);
    }
    await running.socks[Symbol.asyncDispose]();
    running.upstream.closeConnections();
    for (const over of ENCRYPTED_TRANSPORTS) {
      assert.equal((await daemon.askEncrypted(over, newName())).status, 'SERVFAIL', over);
    }
    await assertClean();
  });

  test('G13: no output has the private key: proxy-dns --check, check, and errors about its file', async () => {
    const pem = await readFile(encrypted.keyPath, 'utf8');
    const own = await readFile(encrypted.certificatePath, 'utf8');
    const other = await readFile((await authority.issue(['127.0.0.1'])).certificatePath, 'utf8');
    const scenes: Readonly<Record<string, KeyScene>> = {
      'a pair': { certificate: own, key: pem, status: 0 },
      'another certificate': { certificate: other, key: pem, status: 2 },
      'a key that others can read': { certificate: own, key: pem, mode: 0o644, status: 2 },
      'a key without its end': { certificate: own, key: pem.slice(0, pem.indexOf('-----END')), status: 2 },
      'a key without its head': { certificate: own, key: pem.slice(pem.indexOf('\n')), status: 2 },
      'a key in the place of the certificate': { certificate: pem, key: pem, status: 2 },
      'a certificate before the key': { certificate: own, key: own + pem, status: 0 },
    };
    for (const [scene, { certificate, key, mode = 0o600, status }] of Object.entries(scenes)) {
      const [certificatePath, keyPath] = [join(files.path, 'certificate.pem'), join(files.path, 'key.pem')];
      await writeFile(certificatePath, certificate);
      await writeFile(keyPath, key);
      await chmod(keyPath, mode);
      const flags = ['--doh-address', '127.0.0.1', '--tls-cert', certificatePath, '--tls-key', keyPath];
      const commands = [['proxy-dns', '--check'], ...(scene === 'a pair' ? [['check'], ['check', '--json']] : [])];
      const results = await Promise.all(
        commands.map((command) => daemon.run(...command, ...flags, '--tor-socks', 'unix:/nonexistent')),
      );
      assert.equal(results[0]?.status, status, `${scene}: ${results[0]?.output}`);
      for (const { output } of results) for (const secret of keySecrets) assertLacks(output, secret);
    }
    await assertClean();
  });

  test('shutdown', async () => {
    daemon.process.signal('SIGTERM');
    assert.equal(await daemon.process.ended, 0);
    await assertLeavesNoTrace(canary, daemon);
    for (const secret of keySecrets) assertLacks(daemon.log, secret);
    assert.equal(await namespace.leakedPackets(), 0);
  });
});
