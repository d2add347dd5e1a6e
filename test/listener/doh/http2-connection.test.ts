import assert from 'node:assert/strict';
import { once } from 'node:events';
import { constants } from 'node:http2';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { MAX_MESSAGE_BYTES } from '../../../src/message/wire/header.ts';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { drops, echo, HeldHandler, LIMITS, PATIENCE_MS } from '../harness.ts';
import { closeOf, get, Http2Client, PATH, post, serveDoh } from './doh-harness.ts';

const QUERY = buildQuery();

test('the settings allow no more streams and header octets than are served, and no push', async () => {
  await using server = await serveDoh(echo, { tcpPipelined: 7 });
  await using client = await Http2Client.connect(server.port);
  const { maxConcurrentStreams, maxHeaderListSize, enablePush } = client.session.remoteSettings;
  assert.deepEqual(
    { maxConcurrentStreams, maxHeaderListSize, enablePush },
    {
      maxConcurrentStreams: 7,
      maxHeaderListSize: 16_384,
      enablePush: false,
    },
  );
});

test('a stream that is reset while its query is in flight leaves the connection as it is', async () => {
  const held = new HeldHandler();
  await using server = await serveDoh(held.handle);
  await using client = await Http2Client.connect(server.port);
  const stream = client.send(get(QUERY));
  await held.begun(1);
  stream.close(constants.NGHTTP2_CANCEL);
  const response = client.request(get(QUERY));
  await held.begun(2);
  for (const index of [0, 1]) held.answer(index);
  assert.equal((await response).status, 200);
  assert.equal(drops(server.parts.metrics, 'send_failed'), 1);
});

test('streams that are reset still count as in flight until they are answered, and those that wait are forgotten', async () => {
  const held = new HeldHandler();
  await using server = await serveDoh(held.handle, { tcpPipelined: 2 });
  await using client = await Http2Client.connect(server.port);
  for (let i = 0; i < 6; i++) {
    const stream = client.send(get(QUERY));
    if (i < 2) await held.begun(i + 1);
    stream.close(constants.NGHTTP2_CANCEL);
    await closeOf(stream);
  }
  const response = client.request(get(buildQuery({ id: 99 })));
  for (let turn = 0; turn < 10; turn++) await setImmediate();
  assert.equal(held.queries.length, 2);
  held.answer(0);
  await held.begun(3);
  held.answer(2);
  assert.equal((await response).body.readUInt16BE(0), 99);
});

test('a client that resets stream after stream is disconnected (CVE-2023-44487)', async () => {
  await using server = await serveDoh(echo);
  await using client = await Http2Client.connect(server.port);
  for (let i = 0; i < 2000 && !client.isClosed; i++) {
    const stream = client.send(get(QUERY));
    stream.close(constants.NGHTTP2_CANCEL);
    if (i % 50 === 49) await setImmediate();
  }
  await waitUntil('the server closes', PATIENCE_MS, () => client.isClosed);
  assert.ok(server.uses() < 500, `${server.uses()} queries`);
});

test('RFC 9113 §8.1: a refused request gets its response after its body, which is discarded', async () => {
  await using server = await serveDoh(echo);
  await using client = await Http2Client.connect(server.port);
  for (const [spec, expected] of [
    [{ ...post(QUERY), path: '/other' }, 404],
    [{ ...post(QUERY), method: 'PUT' }, 405],
    [post(QUERY, { 'content-type': 'text/plain' }), 415],
  ] as const) {
    const stream = client.send({ ...spec, isUnfinished: true });
    let status: unknown;
    stream.on('response', (headers) => {
      status = headers[':status'];
    });
    assert.equal((await client.request(get(QUERY))).status, 200);
    assert.equal(status, undefined);
    stream.end();
    stream.resume();
    await closeOf(stream);
    assert.deepEqual([status, stream.rstCode], [expected, constants.NGHTTP2_NO_ERROR]);
  }
  assert.equal(server.uses(), 3);
});

test('a refused request whose body is larger than a message gets its response at once', async () => {
  await using server = await serveDoh(echo);
  await using client = await Http2Client.connect(server.port);
  const body = new Uint8Array(MAX_MESSAGE_BYTES + 1);
  const stream = client.send({ ...post(body, { 'content-type': 'text/plain' }), isUnfinished: true });
  const [{ ':status': status }] = await once(stream, 'response');
  assert.equal(status, 415);
});

test('a header over the limits is refused, and the connection stays usable', async () => {
  await using server = await serveDoh(echo);
  await using client = await Http2Client.connect(server.port);
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`x-${i}`, 'y']));
  for (const headers of [{ x: 'y'.repeat(20_000) }, many]) {
    const stream = client.send({ ...get(QUERY), headers });
    await closeOf(stream);
    assert.notEqual(stream.rstCode, constants.NGHTTP2_NO_ERROR);
  }
  assert.equal((await client.request(get(QUERY))).status, 200);
});

test('a client that sends many frames and no request is disconnected', async () => {
  await using server = await serveDoh(echo);
  await using client = await Http2Client.connect(server.port);
  await client.request(get(QUERY));
  for (let i = 0; i < 20_000; i++) {
    await new Promise<void>((resolve) => void client.session.ping(Buffer.alloc(8), () => resolve()));
    if (client.isClosed) break;
    if (i % 1000 === 999) server.parts.clock.advance(LIMITS.tcpIdleMs / 8);
    // The idle time has not passed.
    if (i % 4000 === 3999) await client.request(get(QUERY)).catch(() => {});
  }
  assert.equal(client.isClosed, false);
  for (let i = 0; i < 20_000 && !client.isClosed; i++) {
    await new Promise<void>((resolve) => void client.session.ping(Buffer.alloc(8), () => resolve()));
  }
  server.parts.clock.advance(LIMITS.tcpIdleMs / 8);
  await waitUntil('the server closes', PATIENCE_MS, () => client.isClosed);
});

test('incomplete bodies of one connection hold a limited number of octets', async () => {
  await using server = await serveDoh(echo);
  await using client = await Http2Client.connect(server.port);
  const statuses: number[] = [];
  for (let i = 0; i < 4; i++) {
    const stream = client.send({ ...post(new Uint8Array(40_000)), isUnfinished: true });
    stream.on('response', (headers) => statuses.push(headers[':status'] ?? 0));
  }
  await waitUntil('one is refused', PATIENCE_MS, () => statuses.length > 0);
  assert.deepEqual(statuses, [429]);
  assert.equal((await client.request(post(QUERY))).status, 200);
});

test('each body has its own time limit', async () => {
  await using server = await serveDoh(echo);
  await using client = await Http2Client.connect(server.port);
  const statuses: string[] = [];
  const begin = async (name: string, timers: number): Promise<void> => {
    const stream = client.send({ ...post(QUERY.subarray(0, 5)), isUnfinished: true });
    stream.on('response', (headers) => statuses.push(`${name} ${headers[':status']}`));
    const bytes = client.socket.bytesWritten;
    await waitUntil(
      `${name} has begun`,
      PATIENCE_MS,
      () => client.socket.bytesWritten > bytes && server.parts.clock.pendingTimers === timers,
    );
    await client.request(get(QUERY));
  };
  await begin('first', 2);
  server.parts.clock.advance(LIMITS.tcpMessageMs - 1);
  await begin('second', 2);
  server.parts.clock.advance(1);
  await waitUntil('the first is refused', PATIENCE_MS, () => statuses.length === 1);
  server.parts.clock.advance(LIMITS.tcpMessageMs - 1);
  await waitUntil('the second is refused', PATIENCE_MS, () => statuses.length === 2);
  assert.deepEqual(statuses, ['first 408', 'second 408']);
});

test('RFC 9113 §6.8: ending announces itself by GOAWAY, and answers a request whose body is on its way', async () => {
  await using server = await serveDoh(echo);
  await using client = await Http2Client.connect(server.port);
  const stream = client.send({ ...post(QUERY.subarray(0, 5)), isUnfinished: true });
  const response = once(stream, 'response');
  await waitUntil('it has begun', PATIENCE_MS, () => server.parts.clock.pendingTimers === 2);
  server.connections[0]?.end();
  await waitUntil('GOAWAY arrives', PATIENCE_MS, () => client.isClosed);
  stream.end(QUERY.subarray(5));
  assert.equal((await response)[0][':status'], 200);
});

test('the answer to a GET request does not wait for its body', async () => {
  await using server = await serveDoh(echo);
  await using client = await Http2Client.connect(server.port);
  const stream = client.send({ ...get(QUERY), method: 'GET', body: QUERY, isUnfinished: true });
  const [headers] = await once(stream, 'response');
  assert.equal(headers[':status'], 200);
  // RFC 9113 §8.1.
  stream.resume();
  await closeOf(stream);
  assert.equal(stream.rstCode, constants.NGHTTP2_NO_ERROR);
  assert.equal((await client.request({ path: PATH })).status, 400);
});
