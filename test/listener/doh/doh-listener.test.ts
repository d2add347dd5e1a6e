import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { after, test } from 'node:test';
import { DohListener } from '../../../src/listener/doh/doh-listener.ts';
import { ServerIdentity } from '../../../src/listener/tls/server-identity.ts';
import { createCertificateAuthority } from '../../fixtures/certificates.ts';
import { buildQuery, buildResponse } from '../../fixtures/dns/messages.ts';
import { runProgram } from '../../fixtures/process/run-program.ts';
import { materialOf } from '../dot/dot-harness.ts';
import { HeldHandler, parts } from '../harness.ts';
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
