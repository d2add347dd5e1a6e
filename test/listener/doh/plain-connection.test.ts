import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { echo, LIMITS, PATIENCE_MS } from '../harness.ts';
import { get, Http1Client, serveDoh } from './doh-harness.ts';

test('the version of HTTP is found although the octets arrive one by one', async () => {
  await using server = await serveDoh(echo);
  for (const [octets, isHttp2] of [
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', true],
    ['PROPFIND /dns-query HTTP/1.1\r\nhost: a\r\n\r\n', false],
  ] as const) {
    await using client = await Http1Client.connect(server.port);
    for (const octet of octets) {
      client.socket.write(octet, 'latin1');
      await setImmediate();
    }
    await waitUntil('it is answered', PATIENCE_MS, () => client.unread > 0);
    // A SETTINGS frame, whose length comes first, or a status line.
    assert.equal(client.peek(0) === 0, isHttp2);
  }
});

test('a connection without a request is closed when it has been idle for too long', async () => {
  await using server = await serveDoh(echo);
  for (const octets of ['', 'PR']) {
    await using client = await Http1Client.connect(server.port);
    if (octets !== '') client.socket.write(octets);
    await waitUntil('it is accepted', PATIENCE_MS, () => server.sockets.at(-1)?.bytesRead === octets.length);
    server.parts.clock.advance(LIMITS.tcpIdleMs);
    await waitUntil('the server closes', PATIENCE_MS, () => client.isClosed);
  }
  assert.equal(server.parts.clock.pendingTimers, 0);
});

test('a client that closes its side before its request ends the connection', async () => {
  await using server = await serveDoh(echo);
  await using client = await Http1Client.connect(server.port);
  client.socket.end('PR');
  await waitUntil('the server closes', PATIENCE_MS, () => client.isClosed);
});

test('what arrives with the first octets is part of the request', async () => {
  await using server = await serveDoh(echo);
  await using client = await Http1Client.connect(server.port);
  assert.deepEqual((await client.request(get(buildQuery()))).body, Buffer.from(buildQuery()));
});
