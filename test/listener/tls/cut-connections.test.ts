import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { after, test } from 'node:test';
import { connect as connectTls, type SecureVersion } from 'node:tls';
import { createCertificateAuthority } from '../../fixtures/certificates.ts';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { type DotService, startDot, untilOpen } from '../dot/dot-harness.ts';
import { drops, echo, framed } from '../harness.ts';

const authority = await createCertificateAuthority();
after(() => authority[Symbol.asyncDispose]());

type Cut = 'end' | 'resetAndDestroy';

interface Asked {
  /** Octets that the client sent. */
  readonly sent: number;
  readonly isAnswered: boolean;
}

/**
 * Sends a query over TLS through a relay that passes on so many octets of the client and then cuts the connection.
 */
async function askThroughCut(service: DotService, version: SecureVersion, passed: number, cut: Cut): Promise<Asked> {
  let sent = 0;
  let isAnswered = false;
  await using relay = createServer((client) => {
    const server = connect({ port: service.listener.port, host: '127.0.0.1', allowHalfOpen: true });
    client.on('error', () => {});
    server.on('error', () => {});
    client.on('data', (chunk) => {
      server.write(chunk.subarray(0, Math.max(0, passed - sent)));
      sent += chunk.length;
      if (sent >= passed) server[cut]();
    });
    server.on('data', (chunk) => client.write(chunk));
    server.on('close', () => client.destroy());
    client.on('close', () => server.destroy());
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  const { port } = relay.address() as AddressInfo;
  const versions = { minVersion: version, maxVersion: version };
  const client = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...versions });
  client.on('error', () => {});
  client.on('data', () => {
    isAnswered = true;
    client.end();
  });
  client.write(framed(buildQuery()));
  await new Promise<void>((resolve) => client.on('close', () => resolve()));
  return { sent, isAnswered };
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  for (const cut of ['end', 'resetAndDestroy'] as const) {
    test(`a client that is cut off after any number of octets leaves nothing behind (${version}, ${cut})`, async () => {
      await using service = await startDot(authority, echo);
      const whole = await askThroughCut(service, version, Infinity, cut);
      assert.equal(whole.isAnswered, true);
      assert.equal(drops(service.parts.metrics, 'tls_handshake'), 0);
      const lengths = Array.from({ length: whole.sent }, (_, i) => i).filter((i) => i % 6 === 0);
      for (let i = 0; i < lengths.length; i += 10) {
        const some = lengths.slice(i, i + 10);
        await Promise.all(some.map((passed) => askThroughCut(service, version, passed, cut)));
      }
      await untilOpen(service, 0);
      assert.equal(service.parts.clock.pendingTimers, 0);
      // Those cut off with an end are all told apart from finished handshakes.
      if (cut === 'end') assert.ok(drops(service.parts.metrics, 'tls_handshake') > lengths.length / 2);
      assert.equal((await askThroughCut(service, version, Infinity, cut)).isAnswered, true);
    });
  }
}
