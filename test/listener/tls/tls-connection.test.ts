import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { after, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { createCertificateAuthority } from '../../fixtures/certificates.ts';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { runProgram } from '../../fixtures/process/run-program.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { type DotService, HOST, startDot, untilOpen } from '../dot/dot-harness.ts';
import { drops, echo, framed, HeldHandler, PATIENCE_MS, type TcpClient } from '../harness.ts';

const authority = await createCertificateAuthority();
after(() => authority[Symbol.asyncDispose]());

/** Time limit for a handshake. */
const HANDSHAKE_MS = 5000;

/** The first message of a client, as one record. */
async function clientHello(): Promise<Buffer> {
  await using server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', ALPNProtocols: ['dot'] });
  client.on('error', () => {});
  const [socket] = await once(server, 'connection');
  const [hello] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  client.destroy();
  return hello;
}

const HELLO = await clientHello();

const handshakeDrops = ({ parts: { metrics } }: DotService): number => drops(metrics, 'tls_handshake');

/** Collects what the server sends, without framing. */
function received(client: TcpClient): () => Buffer {
  const chunks: Buffer[] = [];
  client.socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks);
}

test('a handshake must be done five seconds after the connection was opened', async () => {
  await using service = await startDot(authority, echo);
  const client = await service.connectTcp();
  await untilOpen(service, 1);
  for (const octet of HELLO.subarray(0, 4)) {
    client.socket.write(Uint8Array.of(octet));
    service.parts.clock.advance(1000);
    await setImmediate();
  }
  service.parts.clock.advance(999);
  await setImmediate();
  assert.equal(service.open(), 1);
  service.parts.clock.advance(1);
  await client.end();
  await untilOpen(service, 0);
  assert.equal(handshakeDrops(service), 1);
  assert.equal(service.parts.clock.pendingTimers, 0);
});

test('a client that sends nothing is disconnected after five seconds, and is no failed handshake', async () => {
  await using service = await startDot(authority, echo);
  const client = await service.connectTcp();
  await untilOpen(service, 1);
  service.parts.clock.advance(HANDSHAKE_MS);
  await client.end();
  await untilOpen(service, 0);
  assert.equal(handshakeDrops(service), 0);
});

test('the time limit of the handshake ends with it', async () => {
  const held = new HeldHandler();
  await using service = await startDot(authority, held.handle);
  const client = await service.connect();
  client.send(buildQuery());
  await held.begun(1);
  service.parts.clock.advance(HANDSHAKE_MS);
  held.answer(0);
  await client.received(1);
});

for (const [what, bytes, failed] of [
  ['nothing', Buffer.alloc(0), 0],
  ['a part of its first message', HELLO.subarray(0, 40), 1],
  ['its first message', HELLO, 1],
] as const) {
  test(`a client that sends ${what} and closes its side is disconnected at once`, async () => {
    await using service = await startDot(authority, echo);
    const client = await service.connectTcp();
    await untilOpen(service, 1);
    client.socket.end(bytes);
    await client.end();
    await untilOpen(service, 0);
    assert.equal(handshakeDrops(service), failed);
    assert.equal(service.parts.clock.pendingTimers, 0);
  });

  test(`a client that sends ${what} and resets the connection leaves nothing behind`, async () => {
    await using service = await startDot(authority, echo);
    const client = await service.connectTcp();
    await untilOpen(service, 1);
    await new Promise((resolve) => client.socket.write(bytes, resolve));
    // Otherwise the kernel may drop the bytes together with the connection.
    if (bytes === HELLO) await once(client.socket, 'data');
    client.socket.resetAndDestroy();
    await untilOpen(service, 0);
    assert.equal(service.parts.clock.pendingTimers, 0);
  });
}

test('a client that resets the connection after the handshake, or with a query in flight, leaves nothing behind', async () => {
  const held = new HeldHandler();
  await using service = await startDot(authority, held.handle);
  const idle = await service.connect();
  const busy = await service.connect();
  busy.send(buildQuery());
  await held.begun(1);
  for (const { raw } of [idle, busy]) raw.resetAndDestroy();
  await untilOpen(service, 0);
  held.answer(0);
  await waitUntil('the answer is dropped', PATIENCE_MS, () => drops(service.parts.metrics, 'send_failed') === 1);
  assert.equal(handshakeDrops(service), 0);
  assert.equal(service.parts.clock.pendingTimers, 0);
});

test('RFC 7858 §3.1: a query in plain text gets no DNS message', async () => {
  const held = new HeldHandler();
  await using service = await startDot(authority, held.handle);
  const client = await service.connectTcp();
  const sent = received(client);
  client.send(buildQuery());
  await client.end();
  await untilOpen(service, 0);
  // At most a TLS alert (RFC 8446 §6): a record of type 21.
  assert.ok(sent().length === 0 || (sent()[0] === 21 && sent().length === 7));
  assert.equal(held.queries.length, 0);
  assert.equal(handshakeDrops(service), 1);
});

test('a client that does not trust the certificate counts as a failed handshake', async () => {
  await using service = await startDot(authority, echo);
  for (const [index, version] of ['-tls1_2', '-tls1_3'].entries()) {
    // Unlike Node, this client verifies the certificate during the handshake, as browsers and phones do.
    const args = ['-connect', `127.0.0.1:${service.listener.port}`, '-verify_return_error', version];
    await assert.rejects(runProgram('openssl', ['s_client', ...args]));
    await waitUntil('it is counted', PATIENCE_MS, () => handshakeDrops(service) === index + 1);
    await untilOpen(service, 0);
  }
});

test('octets that are no TLS close the connection at once, also after the handshake', async () => {
  const held = new HeldHandler();
  await using service = await startDot(authority, held.handle);
  const raw = await service.connectTcp();
  const client: TLSSocket = connect({ socket: raw.socket, servername: HOST, rejectUnauthorized: false });
  client.on('error', () => {});
  await once(client, 'secureConnect');
  client.write(framed(buildQuery()));
  await held.begun(1);
  // Past the client's TLS: a record that was not encrypted.
  raw.socket.write(Buffer.from('1603030002ffff', 'hex'));
  await untilOpen(service, 0);
  held.answer(0);
  assert.equal(handshakeDrops(service), 0);
});

test('RFC 7301 §3.2: a client without a common protocol gets no_application_protocol, one without ALPN is served', async () => {
  await using service = await startDot(authority, echo);
  for (const [offered, chosen] of [
    [['dot'], 'dot'],
    [['h2', 'dot'], 'dot'],
    [undefined, false],
  ] as const) {
    const client = await service.connect(offered === undefined ? {} : { ALPNProtocols: [...offered] });
    assert.equal(client.socket.alpnProtocol, chosen);
    client.send(buildQuery());
    await client.received(1);
  }
  for (const offered of [['h2'], ['http/1.1', 'DOT'], ['do', 't']]) {
    await assert.rejects(service.connect({ ALPNProtocols: offered }), {
      code: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL',
    });
  }
});

test('a first message that arrives octet by octet is one message', async () => {
  await using service = await startDot(authority, echo);
  const client = await service.connectTcp();
  await untilOpen(service, 1);
  const sent = received(client);
  for (const octet of HELLO) {
    client.socket.write(Uint8Array.of(octet));
    await setImmediate();
  }
  // The server's part of the handshake: a record of type 22.
  await waitUntil('the server answers', PATIENCE_MS, () => sent()[0] === 22);
});

test('a connection without a finished handshake gives way to another client’s, and is no failed handshake', async () => {
  const limits = { tcpConnections: 2 };
  await using service = await startDot(authority, echo, { limits, groupOf: (client) => client });
  const { clock, metrics } = service.parts;
  const unfinished = await service.connectTcp('127.0.0.2');
  const silent = await service.connectTcp('127.0.0.2');
  const sent = received(unfinished);
  unfinished.socket.write(HELLO);
  await waitUntil('the handshake has begun', PATIENCE_MS, () => sent().length > 0);
  await untilOpen(service, 2);
  clock.advance(400);
  const connecting = service.connect({}, '127.0.0.3');
  await unfinished.end();
  await connecting;
  assert.equal(silent.ended, false);
  assert.equal(drops(metrics, 'tcp_gave_way'), 1);
  assert.equal(handshakeDrops(service), 0);
});

test('a drain cuts handshakes off, which are no failed ones', async () => {
  await using service = await startDot(authority, echo);
  const silent = await service.connectTcp();
  const unfinished = await service.connectTcp();
  const sent = received(unfinished);
  unfinished.socket.write(HELLO);
  await waitUntil('the handshake has begun', PATIENCE_MS, () => sent().length > 0);
  await untilOpen(service, 2);
  await service.listener.drain();
  await Promise.all([silent.end(), unfinished.end()]);
  await untilOpen(service, 0);
  assert.equal(handshakeDrops(service), 0);
  assert.equal(service.parts.clock.pendingTimers, 0);
});

test('a handshake begins when its turn comes, and only if the client is still there', async () => {
  await using service = await startDot(authority, echo);
  const turns: (() => void)[] = [];
  service.identity.handshakes.take = (begin) => void turns.push(begin);
  const [patient, gone, cut] = [await service.connectTcp(), await service.connectTcp(), await service.connectTcp()];
  const answered = received(patient);
  for (const { socket } of [patient, gone, cut]) socket.write(HELLO);
  await waitUntil('they wait for their turns', PATIENCE_MS, () => turns.length === 3);
  cut.socket.resetAndDestroy();
  gone.socket.end();
  await setImmediate();
  assert.equal(answered().length, 0);
  for (const begin of turns) begin();
  await waitUntil('the first is answered', PATIENCE_MS, () => answered()[0] === 22);
  await untilOpen(service, 1);
  assert.equal(service.parts.clock.pendingTimers, 1);
});

test('the time limit of the handshake includes the wait for its turn', async () => {
  await using service = await startDot(authority, echo);
  const turns: (() => void)[] = [];
  service.identity.handshakes.take = (begin) => void turns.push(begin);
  const client = await service.connectTcp();
  client.socket.write(HELLO);
  await waitUntil('it waits for its turn', PATIENCE_MS, () => turns.length === 1);
  service.parts.clock.advance(HANDSHAKE_MS);
  await client.end();
  for (const begin of turns) begin();
  await untilOpen(service, 0);
  assert.equal(handshakeDrops(service), 0);
});

test('a hundred clients that connect at once are all served', async () => {
  await using service = await startDot(authority, echo);
  await Promise.all(
    Array.from({ length: 100 }, async () => {
      const client = await service.connect();
      client.send(buildQuery());
      await client.received(1);
    }),
  );
});
