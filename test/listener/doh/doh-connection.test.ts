import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { ErrorCode } from '../../../src/failures/failures.ts';
import type { Handler } from '../../../src/model/query.ts';
import { addressRecord, buildQuery, buildResponse } from '../../fixtures/dns/messages.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { drops, echo, HeldHandler, LIMITS, PATIENCE_MS } from '../harness.ts';
import { connectDoh, DNS_MESSAGE, type DohServer, get, PATH, post, serveDoh, VERSIONS } from './doh-harness.ts';

const QUERY = buildQuery();

const TOO_LARGE = new Uint8Array(65_536);
/** With QR=1. */
const RESPONSE: Uint8Array = Uint8Array.from(QUERY);
RESPONSE[2] = 0x80;
const REFUSED = [
  ['no query', { path: PATH }, 400],
  ['a query cut off in its header', get(QUERY.subarray(0, 11)), 400],
  ['an empty body', post(new Uint8Array(0)), 400],
  ['a response in GET', get(RESPONSE), 400],
  ['a response in POST', post(RESPONSE), 400],
  ['another path', { ...get(QUERY), path: '/' }, 404],
  ['another method', { ...get(QUERY), method: 'PUT' }, 405],
  ['another type', post(QUERY, { 'content-type': 'text/plain' }), 415],
  ['a content coding', post(QUERY, { 'content-encoding': 'gzip' }), 415],
  ['a page of another site', { ...get(QUERY), headers: { origin: 'https://example.com' } }, 403],
  ['an image in a page', { ...get(QUERY), headers: { 'sec-fetch-site': 'cross-site' } }, 403],
] as const;

/** Answers as the pipeline does: nothing for what is no query. */
const strict: Handler = (query, reply) => {
  const { verdict } = query.scan;
  return verdict === 'short' || verdict === 'response' ? 0 : echo(query, reply);
};

/** Fails every query with this code, at once or later. */
function failing(code: ErrorCode, isLate: boolean): Handler {
  return ({ wire, onFailed }, reply) => {
    onFailed?.(code);
    if (!isLate) return echo({ wire } as never, reply);
    return setImmediate(wire.slice());
  };
}

const idOf = (message: Buffer): number => message.readUInt16BE(0);

async function untilClosed(server: DohServer): Promise<void> {
  await waitUntil('the connection is closed', PATIENCE_MS, () => server.sockets.every(({ destroyed }) => destroyed));
}

/** Resolves when a count has not changed for many turns of the event loop. */
async function untilSettled(count: () => number): Promise<void> {
  let last = 0;
  for (let turns = 0; turns < 200; turns++) {
    await setImmediate();
    if (count() !== last) turns = 0;
    last = count();
  }
}

for (const version of VERSIONS) {
  test(`${version}: GET and POST get the DNS message and no header that is not needed`, async () => {
    const message = buildResponse({ answers: [addressRecord('example.com', 77)] });
    await using server = await serveDoh((_, reply) => {
      reply.set(message);
      return message.length;
    });
    await using client = await connectDoh(version, server.port);
    for (const spec of [get(QUERY), post(QUERY), get(QUERY, '&x=1')]) {
      const { status, headers, body } = await client.request(spec);
      assert.equal(status, 200);
      assert.deepEqual(body, Buffer.from(message));
      assert.deepEqual(headers, {
        'content-type': DNS_MESSAGE,
        'content-length': String(body.length),
        'cache-control': 'max-age=77',
      });
    }
  });

  test(`${version}: a query has the bytes, the address and the transport of its client`, async () => {
    const held = new HeldHandler();
    await using server = await serveDoh(held.handle);
    await using client = await connectDoh(version, server.port);
    const responses = [client.request(get(QUERY)), client.request(post(QUERY))];
    await held.begun(2);
    for (const index of [0, 1]) {
      const { wire, scan, transport, family, client: address, clientPort } = held.queries[index] ?? assert.fail();
      assert.deepEqual(Buffer.from(wire), Buffer.from(QUERY));
      assert.equal(scan.verdict, 'ok');
      assert.deepEqual({ transport, family, address }, { transport: 'doh', family: 4, address: '127.0.0.1' });
      assert.equal(clientPort, client.socket.localPort);
      held.answer(index);
    }
    await Promise.all(responses);
  });

  test(`${version}: HEAD gets the header of GET, and the connection stays usable`, async () => {
    await using server = await serveDoh(echo);
    await using client = await connectDoh(version, server.port);
    const { status, headers, body } = await client.request({ ...get(QUERY), method: 'HEAD' });
    assert.equal(status, 200);
    assert.equal(headers['content-length'], String(QUERY.length));
    assert.equal(body.length, 0);
    assert.equal((await client.request(get(QUERY))).status, 200);
  });

  test(`${version}: queries of one connection are asked together`, async () => {
    const held = new HeldHandler();
    await using server = await serveDoh(held.handle);
    await using client = await connectDoh(version, server.port);
    const responses = [1, 2, 3].map((id) => client.request(get(buildQuery({ id }))));
    await held.begun(3);
    for (const index of [2, 0, 1]) held.answer(index);
    assert.deepEqual(
      (await Promise.all(responses)).map(({ body }) => idOf(body)),
      [1, 2, 3],
    );
  });

  test(`${version}: a long answer arrives whole`, async () => {
    const long = Buffer.alloc(65_535);
    long.set(buildResponse({ answers: [] }));
    await using server = await serveDoh(async () => long);
    await using client = await connectDoh(version, server.port);
    assert.deepEqual((await client.request(post(QUERY))).body, long);
  });

  for (const [what, spec, expected] of REFUSED) {
    test(`${version}: ${what} gets ${expected} without a body`, async () => {
      await using server = await serveDoh(strict);
      await using client = await connectDoh(version, server.port);
      const { status, headers, body } = await client.request(spec);
      assert.equal(status, expected);
      assert.equal(body.length, 0);
      assert.equal(headers['content-length'], '0');
      // RFC 9110 §15.5.6.
      assert.equal(headers['allow'], expected === 405 ? 'GET, HEAD, POST' : undefined);
      // No website may read a response (Fetch, CORS protocol).
      assert.deepEqual(
        Object.keys(headers).filter((name) => name.startsWith('access-control')),
        [],
      );
    });
  }

  test(`${version}: a body over 65,535 octets gets 413 without being asked`, async () => {
    const held = new HeldHandler();
    await using server = await serveDoh(held.handle);
    for (const length of [{}, { 'transfer-encoding': 'chunked' }]) {
      if (version === 'HTTP/2' && 'transfer-encoding' in length) continue;
      await using client = await connectDoh(version, server.port);
      assert.equal((await client.request(post(TOO_LARGE, length))).status, 413);
    }
    assert.equal(held.queries.length, 0);
  });

  test(`${version}: every RCODE is a success`, async () => {
    for (const rcode of [1, 2, 3, 5]) {
      const message = buildResponse({ flags: rcode });
      await using server = await serveDoh(async () => message);
      await using client = await connectDoh(version, server.port);
      const { status, headers } = await client.request(get(QUERY));
      assert.equal(status, 200);
      assert.equal(headers['cache-control'], 'max-age=0');
    }
  });

  for (const isLate of [false, true]) {
    const when = isLate ? 'later' : 'at once';
    test(`${version}: a query refused ${when} by the limits on queries in flight gets 429, other failures 200`, async () => {
      const codes = { ERR_IN_FLIGHT: 429, ERR_IN_FLIGHT_CLIENT: 429, ERR_DEADLINE: 200, ERR_TOR_DOWN: 200 } as const;
      for (const [code, expected] of Object.entries(codes)) {
        await using server = await serveDoh(failing(code as ErrorCode, isLate));
        await using client = await connectDoh(version, server.port);
        const { status, headers } = await client.request(get(QUERY));
        assert.equal(status, expected, code);
        assert.equal(headers['retry-after'], expected === 429 ? '1' : undefined);
      }
    });
  }

  test(`${version}: a defect of the handler gets 500`, async () => {
    await using server = await serveDoh(async () => new Uint8Array(0));
    await using client = await connectDoh(version, server.port);
    assert.equal((await client.request(get(QUERY))).status, 500);
  });

  test(`${version}: at most tcpPipelined queries of a connection are in flight, and the others wait`, async () => {
    const held = new HeldHandler();
    await using server = await serveDoh(held.handle, { tcpPipelined: 2 });
    await using client = await connectDoh(version, server.port);
    const ids = [1, 2, 3, 4, 5];
    const responses = ids.map((id) => client.request(get(buildQuery({ id }))));
    for (const [index] of ids.entries()) {
      await held.begun(index + 1);
      // Whatever else is going to be asked has been by then.
      for (let turn = 0; turn < 5; turn++) await setImmediate();
      assert.ok(held.queries.length <= index + 2);
      held.answer(index);
    }
    assert.deepEqual(
      (await Promise.all(responses)).map(({ body }) => idOf(body)),
      ids,
    );
  });

  test(`${version}: a connection is busy while queries are in flight, and then counts as used`, async () => {
    const held = new HeldHandler();
    await using server = await serveDoh(held.handle);
    await using client = await connectDoh(version, server.port);
    const response = client.request(get(QUERY));
    await held.begun(1);
    const [connection] = server.connections;
    assert.equal(connection?.busy, true);
    server.parts.clock.advance(700);
    held.answer(0);
    await response;
    assert.equal(connection?.busy, false);
    assert.equal(connection?.idleSince, 700);
    assert.equal(server.uses(), 2);
  });

  test(`${version}: an idle connection is closed, and one that awaits an answer is not`, async () => {
    const held = new HeldHandler();
    await using server = await serveDoh(held.handle);
    await using client = await connectDoh(version, server.port);
    const response = client.request(get(QUERY));
    await held.begun(1);
    server.parts.clock.advance(5 * LIMITS.tcpIdleMs);
    held.answer(0);
    await response;
    server.parts.clock.advance(LIMITS.tcpIdleMs - 1);
    await setImmediate();
    assert.equal(client.isClosed, false);
    server.parts.clock.advance(1);
    await waitUntil('the server closes', PATIENCE_MS, () => client.isClosed);
  });

  test(`${version}: refused requests are no use`, async () => {
    await using server = await serveDoh(echo);
    await using client = await connectDoh(version, server.port);
    for (let i = 0; i < 10 && !client.isClosed; i++) {
      assert.equal((await client.request({ path: '/other' })).status, 404);
      server.parts.clock.advance(LIMITS.tcpIdleMs / 10);
    }
    await waitUntil('the server closes', PATIENCE_MS, () => client.isClosed);
    assert.equal(server.uses(), 0);
  });

  test(`${version}: a body that does not arrive in time gets 408`, async () => {
    await using server = await serveDoh(echo);
    await using client = await connectDoh(version, server.port);
    const response = client.request({ ...post(QUERY, { 'content-length': '100' }), isUnfinished: true });
    // For idleness, and for the body.
    await waitUntil('the request has begun', PATIENCE_MS, () => server.parts.clock.pendingTimers === 2);
    server.parts.clock.advance(LIMITS.tcpMessageMs);
    assert.equal((await response).status, 408);
    assert.equal(drops(server.parts.metrics, 'tcp_message'), 1);
  });

  test(`${version}: ending answers what is in flight, and nothing else`, async () => {
    const held = new HeldHandler();
    await using server = await serveDoh(held.handle);
    await using client = await connectDoh(version, server.port);
    const response = client.request(get(QUERY));
    await held.begun(1);
    const [connection] = server.connections;
    connection?.end();
    let isIdle = false;
    const idle = connection?.idle().then(() => (isIdle = true));
    await setImmediate();
    assert.equal(isIdle, false);
    held.answer(0);
    assert.equal((await response).status, 200);
    await idle;
    assert.equal(server.sockets[0]?.writableFinished, true);
    await waitUntil('the server closes', PATIENCE_MS, () => client.isClosed);
    assert.equal(held.queries.length, 1);
    client.socket.destroy();
    await untilClosed(server);
    assert.equal(server.parts.clock.pendingTimers, 0);
  });

  test(`${version}: evicting closes at once, and late answers are harmless`, async () => {
    const held = new HeldHandler();
    await using server = await serveDoh(held.handle);
    await using client = await connectDoh(version, server.port);
    client.request(get(QUERY)).catch(() => {});
    await held.begun(1);
    const [connection] = server.connections;
    connection?.evict();
    await untilClosed(server);
    await connection?.idle();
    held.answer(0);
    await setImmediate();
    assert.equal(connection?.busy, false);
    assert.equal(drops(server.parts.metrics, 'send_failed'), 1);
    assert.equal(server.parts.clock.pendingTimers, 0);
  });

  test(`${version}: a client that reads no answers is asked no further queries, and is disconnected`, async () => {
    const long = Buffer.alloc(20_000);
    long.set(buildResponse({ answers: [] }));
    let asked = 0;
    await using server = await serveDoh((_, reply) => {
      asked++;
      reply.set(long);
      return long.length;
    });
    await using client = await connectDoh(version, server.port);
    // What the kernel holds does not count, so it takes more requests to fill an HTTP/1.1 connection.
    const sent = version === 'HTTP/2' ? 40 : 1000;
    for (let i = 0; i < sent; i++) client.send(get(QUERY));
    await untilSettled(() => asked);
    const { bytesWritten, writableLength } = server.sockets[0] ?? assert.fail();
    const unsent = asked * long.length - (version === 'HTTP/2' ? 0 : bytesWritten - writableLength);
    assert.ok(unsent < LIMITS.tcpUnsentBytes + 2 * long.length, `${unsent} octets`);
    assert.ok(asked < sent);
    server.parts.clock.advance(LIMITS.tcpIdleMs);
    await setImmediate();
    server.parts.clock.advance(5000);
    await untilClosed(server);
    assert.equal(drops(server.parts.metrics, 'tcp_unread'), 1);
  });
}
