import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { after, test } from 'node:test';
import { connect } from 'node:tls';
import { DohListener } from '../../../src/listener/doh/doh-listener.ts';
import { ServerIdentity } from '../../../src/listener/tls/server-identity.ts';
import { createCertificateAuthority } from '../../fixtures/certificates.ts';
import { buildQuery, buildResponse } from '../../fixtures/dns/messages.ts';
import { runProgram } from '../../fixtures/process/run-program.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { materialOf } from '../dot/dot-harness.ts';
import { HeldHandler, PATIENCE_MS, parts } from '../harness.ts';
import { PATH } from './doh-harness.ts';

const authority = await createCertificateAuthority();
after(() => authority[Symbol.asyncDispose]());
const LOOPBACK = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .filter(({ address }) => address === '127.0.0.1' || address === '::1');
const material = await materialOf(await authority.issue(['127.0.0.1', '::1']));

async function open(held: HeldHandler, address = '127.0.0.1'): Promise<DohListener> {
  const components = parts(held.handle);
  const identity = new ServerIdentity(material, components.clock);
  return DohListener.open(components, identity, { address, port: 0, path: PATH });
}

/** Sends this many requests together. Returns the HTTP version and the size of each response. */
function curl(listener: DohListener, requests: number, ...flags: readonly string[]): Promise<string> {
  const host = listener.address.includes(':') ? `[${listener.address}]` : listener.address;
  const url = `https://${host}:${listener.port}${PATH}?dns=${Buffer.from(buildQuery()).toString('base64url')}`;
  const one = ['--output', '/dev/null', '--write-out', '%{http_version} %{size_download}\n', url];
  const args = ['--silent', '--show-error', '--fail', '--cacert', authority.certificatePath, '--parallel', ...flags];
  return runProgram('curl', [...args, ...Array.from({ length: requests }, () => one).flat()]);
}

for (const { address, family } of LOOPBACK) {
  test(`the version of HTTP is negotiated on ${address}, and the query has its addresses`, async () => {
    for (const [index, [version, ...flags]] of [
      ['2'],
      ['1.1', '--http1.1'],
      // RFC 7301 §3.2: the client may not know ALPN.
      ['1.1', '--no-alpn'],
    ].entries()) {
      const held = new HeldHandler();
      await using listener = await open(held, address);
      const answered = curl(listener, 1, ...flags);
      await held.begun(1);
      held.answer(0);
      assert.equal(await answered, `${version} ${buildQuery().length}\n`, String(index));
      const { client, server, family: found, transport } = held.queries[0] ?? assert.fail();
      assert.deepEqual({ client, server, transport }, { client: address, server: address, transport: 'doh' });
      assert.equal(found, family === 'IPv6' ? 6 : 4);
    }
  });
}

for (const [version, requests, ...flags] of [
  ['2', 20],
  ['1.1', 1, '--http1.1'],
] as const) {
  test(`HTTP/${version}: a drain sends the answers that are due before the listener is disposed`, async () => {
    const long = new Uint8Array(60_000);
    long.set(buildResponse());
    const held = new HeldHandler();
    const listener = await open(held);
    const answered = curl(listener, requests, ...flags);
    await held.begun(requests);
    const drained = listener.drain();
    for (let index = 0; index < requests; index++) held.answer(index, long.slice());
    await drained;
    await listener[Symbol.asyncDispose]();
    assert.equal(await answered, `${version} 60000\n`.repeat(requests));
  });
}

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0';
/** The type of GOAWAY, after a length of eight octets (RFC 9113 §6.8). */
const GOAWAY = '\0\0\x08\x07';

for (const [alpn, request] of [
  ['h2', PREFACE],
  ['http/1.1', 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'],
] as const) {
  test(`${alpn}: a drain takes leave of idle connections before the listener is disposed`, async () => {
    const listener = await open(new HeldHandler());
    const ca = await readFile(authority.certificatePath);
    const socket = connect({ port: listener.port, host: '127.0.0.1', ca, ALPNProtocols: [alpn] });
    let received = '';
    socket.on('data', (chunk) => (received += chunk.toString('latin1')));
    socket.write(request, 'latin1');
    await waitUntil('it is answered', PATIENCE_MS, () => received !== '');
    const closed = once(socket, 'end');
    await listener.drain();
    await listener[Symbol.asyncDispose]();
    // A connection that is cut off without close_notify (RFC 8446 §6.1) ends with an error.
    await closed;
    assert.equal(socket.errored, null);
    assert.equal(received.includes(GOAWAY), alpn === 'h2');
  });
}
