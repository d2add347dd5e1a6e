import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { headerNamesOf, REQUEST_HEADERS } from '../../fixtures/dns/recording-doh-server.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { PATIENCE_MS, TcpClient } from '../../listener/harness.ts';
import { startLab } from '../lab.ts';
import { connectRaw, TRANSPORTS, testOverBoth } from '../raw-client.ts';
import { FLAG } from '../reply.ts';
import { addressOf, GOOD, responseTo } from '../upstream-messages.ts';

const lab = await startLab();
after(() => lab[Symbol.asyncDispose]());

testOverBoth(
  'RFC 8484 §4.1: a request is a POST with ID 0, whatever the client’s ID, and the same bytes for the same question',
  async (transport) => {
    const name = `post-${transport}.example`;
    // Not cacheable, so that each query goes upstream.
    lab.behave(name, ({ query }) => ({ body: responseTo(query, { answers: [addressOf(undefined, 0)] }) }));
    for (const [id, spelling] of [
      [0xffff, name],
      [1, name.toUpperCase()],
      [0x8000, name],
    ] as const) {
      const reply = await lab.ask(transport, { id, name: spelling, edns: { udpPayloadBytes: id } });
      assert.deepEqual([reply.id, reply.answers.length], [id, 1]);
    }
    const requests = lab.upstream.requests.slice(-3);
    for (const { headers, query } of requests) {
      assert.equal(headers[':method'], 'POST');
      assert.equal(headers[':path'], '/dns-query');
      assert.equal(Buffer.from(query).readUInt16BE(0), 0);
      assert.equal(Buffer.from(query).readUInt16BE(2), FLAG.RD | FLAG.AD);
    }
    assert.equal(new Set(requests.map(({ query }) => Buffer.from(query).toString('hex'))).size, 1);
  },
);

testOverBoth(
  'RFC 8484 §8.2: a request has the headers that it needs and no others, and never a cookie',
  async (transport) => {
    const name = `cookie-${transport}.example`;
    lab.behave(name, ({ query }) => ({
      headers: { 'set-cookie': 'id=1234; Path=/', 'alt-svc': 'h2=":443"', etag: '"1234"' },
      body: responseTo(query, { answers: [addressOf(undefined, 0)] }),
    }));
    for (let i = 0; i < 2; i++) await lab.ask(transport, { name });
    assert.equal(lab.asked(name), 2);
    for (const request of lab.upstream.requests) {
      const { headers } = request;
      assert.deepEqual(headerNamesOf(request), REQUEST_HEADERS);
      assert.deepEqual([headers.accept, headers['content-type']], Array(2).fill('application/dns-message'));
    }
  },
);

testOverBoth('RFC 5452 §5: identical concurrent queries are coalesced, from whatever clients', async (transport) => {
  const name = `together-${transport}.example`;
  const held = Promise.withResolvers<void>();
  lab.behave(name, async (request) => {
    await held.promise;
    return GOOD(request);
  });
  const before = await lab.counter('dns4tor_coalesced_total');
  const replies = TRANSPORTS.flatMap((other, i) => [
    lab.ask(other, { id: 2 * i + 1, name }),
    lab.ask(other, { id: 2 * i + 2, name: name.toUpperCase() }),
  ]);
  await waitUntil('upstream is queried', PATIENCE_MS, () => lab.asked(name) === 1);
  const joined = async (): Promise<boolean> => (await lab.counter('dns4tor_coalesced_total')) === before + 3;
  await waitUntil('the others have joined', PATIENCE_MS, joined);
  held.resolve();
  assert.deepEqual(
    (await Promise.all(replies)).map(({ id, answers }) => [id, answers.length]),
    [1, 2, 3, 4].map((id) => [id, 1]),
  );
  assert.equal(lab.asked(name), 1);
});

testOverBoth('RFC 7766 §6.2.1.1, §7: a quick answer overtakes a slow one', async (transport) => {
  const slow = `slow-${transport}.example`;
  const held = Promise.withResolvers<void>();
  lab.behave(slow, async (request) => {
    await held.promise;
    return GOOD(request);
  });
  await using client = await connectRaw(transport, lab.daemon);
  client.send(buildQuery({ id: 1, name: slow }), buildQuery({ id: 2, name: `quick-${transport}.example` }));
  await client.received(1);
  held.resolve();
  const replies = await client.received(2);
  assert.deepEqual(
    replies.map((reply) => reply.readUInt16BE(0)),
    [2, 1],
  );
});

test('RFC 7766 §8: a query that arrives byte by byte is answered like any other (TCP)', async () => {
  await using client = await TcpClient.connect(lab.daemon.port);
  const query = buildQuery({ name: 'b.example' });
  for (const byte of Buffer.concat([Uint8Array.of(0, query.length), query])) {
    client.socket.write(Uint8Array.of(byte));
    // The kernel combines several writes of one event-loop turn into one segment.
    await new Promise(setImmediate);
  }
  assert.equal((await client.received(1)).length, 1);
});
