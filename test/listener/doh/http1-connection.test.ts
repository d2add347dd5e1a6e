import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { drops, echo, HeldHandler, LIMITS, PATIENCE_MS } from '../harness.ts';
import { DNS_MESSAGE, get, Http1Client, post, serveDoh } from './doh-harness.ts';

const QUERY = buildQuery();
const TARGET = `/dns-query?dns=${Buffer.from(QUERY).toString('base64url')}`;

/** Sends octets on a new connection, and returns the status codes of all responses before the server closes. */
async function statusesFor(...parts: readonly (string | Uint8Array)[]): Promise<number[]> {
  await using server = await serveDoh(echo);
  await using client = await Http1Client.connect(server.port);
  for (const part of parts) client.socket.write(part);
  return await statusesOf(client);
}

async function statusesOf(client: Http1Client): Promise<number[]> {
  const statuses: number[] = [];
  await waitUntil('the server closes', PATIENCE_MS, () => client.isClosed);
  while (client.unread > 0) statuses.push((await client.response()).status);
  return statuses;
}

test('responses come in the order of their requests, refusals too', async () => {
  const held = new HeldHandler();
  await using server = await serveDoh(held.handle);
  await using client = await Http1Client.connect(server.port);
  const responses = [get(QUERY), { path: '/other' }, get(QUERY), { path: '/dns-query' }].map((spec) =>
    client.request(spec),
  );
  await held.begun(2);
  held.answer(1);
  await setImmediate();
  assert.equal(client.unread, 0);
  held.answer(0);
  assert.deepEqual(
    (await Promise.all(responses)).map(({ status }) => status),
    [200, 404, 200, 400],
  );
});

test('thousands of pipelined requests do not all become queries while the first ones wait', async () => {
  const held = new HeldHandler();
  await using server = await serveDoh(held.handle, { tcpPipelined: 10 });
  await using client = await Http1Client.connect(server.port);
  client.socket.write(`GET ${TARGET} HTTP/1.1\r\nhost: a\r\n\r\n`.repeat(5000));
  await held.begun(10);
  for (let turn = 0; turn < 20; turn++) await setImmediate();
  assert.equal(held.queries.length, 10);
  // The rest has not even been read.
  assert.ok((server.sockets[0]?.bytesRead ?? 0) < 200_000);
});

test('a request may arrive byte by byte, also in chunks', async () => {
  const body = Buffer.concat([Buffer.from(`${QUERY.length.toString(16)}\r\n`), QUERY, Buffer.from('\r\n0\r\n\r\n')]);
  const head = `POST /dns-query HTTP/1.1\r\nhost: a\r\ncontent-type: ${DNS_MESSAGE}\r\ntransfer-encoding: chunked\r\n\r\n`;
  await using server = await serveDoh(echo);
  await using client = await Http1Client.connect(server.port);
  for (const octet of Buffer.concat([Buffer.from(head), body])) {
    client.socket.write(Uint8Array.of(octet));
    await setImmediate();
  }
  const { status, body: message } = await client.response();
  assert.equal(status, 200);
  assert.deepEqual(message, Buffer.from(QUERY));
});

test('RFC 9112 §3.2.2: a target with scheme and host is accepted', async () => {
  await using server = await serveDoh(echo);
  await using client = await Http1Client.connect(server.port);
  assert.equal((await client.request({ path: `https://doh.example${TARGET}` })).status, 200);
});

test('HTTP/1.0 is answered and closed, and needs no Host', async () => {
  assert.deepEqual(await statusesFor(`GET ${TARGET} HTTP/1.0\r\n\r\n`), [200]);
});

test('Connection: close is obeyed', async () => {
  const request = `GET ${TARGET} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`;
  assert.deepEqual(await statusesFor(request, request), [200]);
});

test('RFC 9112 §9.6: a client that closes its side gets the answers to what it has sent', async () => {
  const held = new HeldHandler();
  await using server = await serveDoh(held.handle);
  await using client = await Http1Client.connect(server.port);
  const response = client.request(get(QUERY));
  client.socket.end();
  await held.begun(1);
  await setImmediate();
  held.answer(0);
  assert.equal((await response).status, 200);
  await waitUntil('the server closes', PATIENCE_MS, () => client.isClosed);
});

const HEAD = 'POST /dns-query HTTP/1.1\r\ncontent-type: application/dns-message\r\n';
const HIDDEN = `GET ${TARGET} HTTP/1.1\r\nhost: a\r\n\r\n`;
const AMBIGUOUS = {
  'a length and a transfer coding': `${HEAD}host: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
  'two lengths': `${HEAD}host: a\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nabcd`,
  'a length that is no number': `${HEAD}host: a\r\ncontent-length: +4\r\n\r\nabcd`,
  'another coding after chunked': `${HEAD}host: a\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
  'a malformed chunk': `${HEAD}host: a\r\ntransfer-encoding: chunked\r\n\r\n0x4\r\nabcd\r\n0\r\n\r\n`,
  'a space before the colon': `${HEAD}host: a\r\ncontent-length : 4\r\n\r\nabcd`,
  'a folded header': `${HEAD}host: a\r\nx: y\r\n content-length: 4\r\n\r\nabcd`,
  'bare line feeds': `GET ${TARGET} HTTP/1.1\nhost: a\n\n`,
  'no Host': `GET ${TARGET} HTTP/1.1\r\n\r\n`,
  'two Hosts': `GET ${TARGET} HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n`,
  'a body of GET': `GET ${TARGET} HTTP/1.1\r\nhost: a\r\ncontent-length: ${HIDDEN.length}\r\n\r\n`,
  'a chunked body of GET': `GET ${TARGET} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n`,
  'an unknown method': 'PRX * HTTP/1.1\r\nhost: a\r\n\r\n',
} as const;

for (const [what, request] of Object.entries(AMBIGUOUS)) {
  test(`what could be read in two ways gets 400, and what follows it is not answered: ${what}`, async () => {
    assert.deepEqual(await statusesFor(request, HIDDEN), [400]);
    // Nor does it disturb an earlier request.
    assert.deepEqual(await statusesFor(HIDDEN, request, HIDDEN), [200, 400]);
  });
}

test('a malformed request does not take the place of a response that is due', async () => {
  const held = new HeldHandler();
  await using server = await serveDoh(held.handle);
  await using client = await Http1Client.connect(server.port);
  client.socket.write(`${HIDDEN}\0\r\n\r\n`);
  await held.begun(1);
  await setImmediate();
  assert.equal(client.unread, 0);
  held.answer(0);
  assert.deepEqual(await statusesOf(client), [200, 400]);
});

test('a header over 16 KiB gets 431', async () => {
  const header = `GET ${TARGET} HTTP/1.1\r\nhost: a\r\nx: `;
  assert.deepEqual(await statusesFor(`${header}${'y'.repeat(15_000)}\r\nconnection: close\r\n\r\n`), [200]);
  assert.deepEqual(await statusesFor(`${header}${'y'.repeat(17_000)}`), [431]);
});

test('a header that does not arrive in time gets 408', async () => {
  await using server = await serveDoh(echo);
  await using client = await Http1Client.connect(server.port);
  client.socket.write('GET /dns-query HTTP/1.1\r\n');
  await waitUntil('it has begun', PATIENCE_MS, () => server.parts.clock.pendingTimers === 2);
  server.parts.clock.advance(LIMITS.tcpMessageMs);
  assert.deepEqual(await statusesOf(client), [408]);
  assert.equal(drops(server.parts.metrics, 'tcp_message'), 1);
});

test('a slow header after a request in flight closes the connection after its answer', async () => {
  const held = new HeldHandler();
  await using server = await serveDoh(held.handle);
  await using client = await Http1Client.connect(server.port);
  client.socket.write(HIDDEN);
  await held.begun(1);
  client.socket.write('GET ');
  await waitUntil('it has arrived', PATIENCE_MS, () => server.sockets[0]?.bytesRead === HIDDEN.length + 4);
  await setImmediate();
  server.parts.clock.advance(LIMITS.tcpMessageMs);
  held.answer(0);
  assert.deepEqual(await statusesOf(client), [200, 408]);
});

test('RFC 9110 §10.1.1: a client that waits for 100 (Continue) gets it', async () => {
  await using server = await serveDoh(echo);
  await using client = await Http1Client.connect(server.port);
  const { 'content-type': type } = post(QUERY).headers ?? {};
  client.socket.write(
    `POST /dns-query HTTP/1.1\r\nhost: a\r\ncontent-type: ${type}\r\ncontent-length: ${QUERY.length}\r\nexpect: 100-continue\r\n\r\n`,
  );
  assert.equal((await client.response(true)).status, 100);
  client.socket.write(QUERY);
  assert.equal((await client.response()).status, 200);
});
