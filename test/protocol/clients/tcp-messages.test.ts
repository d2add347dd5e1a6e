import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startBehindDouble } from '../../fixtures/dns/behind-double.ts';
import { buildQuery, decodeReply, rawRecord } from '../../fixtures/dns/messages.ts';
import type { DohBehaviour } from '../../fixtures/dns/recording-doh-server.ts';
import { holdYoungGenerationSmall, residentBytes, toMiB } from '../../fixtures/process/process-usage.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { framed, PATIENCE_MS, TcpClient } from '../../listener/harness.ts';
import { metric } from '../daemon-health.ts';
import { GOOD, QNAME, responseTo } from '../upstream-messages.ts';
import { drops, nameOf } from './load.ts';

const MAX_MESSAGE_BYTES = 65_535;
const PADDING = 12;
const TYPE_TXT = 16;
const TTL_SECONDS = 300;

/** An answer of exactly this many octets, made of TXT records. */
function answerOfSize(bytes: number): DohBehaviour {
  return ({ query }) => {
    const perString = 256;
    const recordOverhead = rawRecord(QNAME, TYPE_TXT, TTL_SECONDS, new Uint8Array(0)).length;
    const answers: Uint8Array[] = [];
    for (let left = bytes - responseTo(query).length; left > 0; ) {
      // The rest after a record is empty or fits the smallest one.
      const dataBytes = left <= 2 * perString ? left - recordOverhead : perString;
      const data = Buffer.alloc(dataBytes, 'x');
      for (let offset = 0; offset < dataBytes; offset += perString) {
        data.writeUInt8(Math.min(perString, dataBytes - offset) - 1, offset);
      }
      answers.push(rawRecord(QNAME, TYPE_TXT, TTL_SECONDS, data));
      left -= recordOverhead + dataBytes;
    }
    return { body: responseTo(query, { answers }) };
  };
}

const askTxt = (name: string, id: number): Uint8Array =>
  buildQuery({ name: `${name}.dns4tor-lab.net`, type: 'TXT', id });

function ids(replies: readonly Buffer[]): number[] {
  return replies.map((reply) => reply.readUInt16BE(0));
}

test('a quick answer overtakes a slow one on one connection, even within one segment (RFC 7766 §6.2.1.1, §7)', async () => {
  const release = Promise.withResolvers<void>();
  await using running = await startBehindDouble(async (request) => {
    if (nameOf(request.query).startsWith('slow')) await release.promise;
    return GOOD(request);
  });
  const { daemon } = running;
  await using client = await TcpClient.connect(daemon.port);
  client.send(askTxt('slow', 1), askTxt('quick', 2), buildQuery({ name: 'localhost', id: 3 }));
  assert.deepEqual(ids(await client.received(2)), [3, 2]);
  release.resolve();
  assert.deepEqual(ids(await client.received(3)), [3, 2, 1]);
});

test('with more queries in one segment than may be in flight, the others wait, and all are answered', async () => {
  const queries = 500;
  // Fewer than one circuit carries, so that this limit is reached first. With one circuit, no query is hedged.
  const pipelined = 80;
  await using running = await startBehindDouble(GOOD, '--circuits', '1', '--tcp-pipelined', String(pipelined));
  const { daemon, upstream } = running;
  await daemon.answers();
  const release = Promise.withResolvers<void>();
  upstream.behaviour = async (request) => {
    await release.promise;
    return GOOD(request);
  };
  await using client = await TcpClient.connect(daemon.port);
  client.send(...Array.from({ length: queries }, (_, i) => buildQuery({ name: `n${i}.dns4tor-lab.net`, id: i })));
  // Without dns4tor's own probes, which a connection that opens late still sends.
  const asked = (): number => upstream.requests.filter(({ query }) => /^n\d+\./.test(nameOf(query))).length;
  await waitUntil('the limit is reached', PATIENCE_MS, () => asked() >= pipelined);
  assert.equal(await metric(daemon, 'dns4tor_upstream_queue_depth'), pipelined);
  release.resolve();
  const replies = await client.received(queries);
  assert.deepEqual(
    ids(replies).toSorted((a, b) => a - b),
    Array.from({ length: queries }, (_, i) => i),
  );
  assert.ok(replies.every((reply) => decodeReply(reply).rcode === 'NOERROR'));
  assert.equal(asked(), queries);
});

test('a query of 65,535 octets is answered, with padding or trailing octets', async () => {
  await using running = await startBehindDouble(GOOD);
  const { daemon } = running;
  await using client = await TcpClient.connect(daemon.port);
  const name = 'large.dns4tor-lab.net';
  const padded = (bytes: number): Uint8Array =>
    buildQuery({ name, id: 1, edns: { options: [{ code: PADDING, data: new Uint8Array(bytes) }] } });
  const largest = padded(MAX_MESSAGE_BYTES - padded(0).length);
  assert.equal(largest.length, MAX_MESSAGE_BYTES);
  const trailed = Buffer.alloc(MAX_MESSAGE_BYTES, 0xff);
  trailed.set(buildQuery({ name, id: 2 }));
  client.send(largest);
  await client.received(1);
  client.send(trailed);
  const replies = await client.received(2);
  assert.deepEqual(ids(replies), [1, 2]);
  for (const reply of replies) assert.equal(decodeReply(reply).answers?.length, 1);
});

for (const bytes of [60_000, MAX_MESSAGE_BYTES]) {
  test(`an answer of ${bytes} octets arrives completely over TCP, from upstream and from the cache`, async () => {
    await using running = await startBehindDouble(answerOfSize(bytes));
    const { daemon, upstream } = running;
    await using client = await TcpClient.connect(daemon.port);
    client.send(askTxt('large', 1));
    await client.received(1);
    const requests = upstream.requests.length;
    client.send(askTxt('large', 2));
    for (const reply of await client.received(2)) {
      assert.equal(reply.length, bytes);
      assert.equal(decodeReply(reply).flag_tc, false);
    }
    assert.equal(upstream.requests.length, requests);
  });
}

test('an answer without room for an OPT record is truncated over TCP', async () => {
  await using running = await startBehindDouble(answerOfSize(MAX_MESSAGE_BYTES));
  await using client = await TcpClient.connect(running.daemon.port);
  client.send(buildQuery({ name: 'large.dns4tor-lab.net', type: 'TXT', edns: {} }));
  const [reply] = await client.received(1);
  const { flag_tc: cut, answers, additionals } = decodeReply(reply ?? Buffer.alloc(0));
  assert.deepEqual([cut, answers?.length, additionals?.length], [true, 0, 1]);
});

/** The daemon may hold a few answers and one read buffer. The kernel's buffers do not count. */
const MAX_GROWTH_BYTES = 32 * 2 ** 20;

test('a client that never reads is no longer read from, then disconnected, and costs no memory, while others are served', async (t) => {
  holdYoungGenerationSmall();
  await using running = await startBehindDouble(answerOfSize(60_000), '--tcp-idle-timeout', '500ms');
  const { daemon } = running;
  const { pid } = daemon.process;
  await daemon.answers();
  await using deaf = await TcpClient.connect(daemon.port, '127.0.0.1', '127.0.0.2');
  deaf.send(askTxt('large', 0));
  await deaf.received(1);
  const before = await residentBytes(pid);

  deaf.socket.pause();
  // Their answers would be 3 GB.
  const query = framed(askTxt('large', 1));
  const queries = Array.from({ length: 50_000 }, () => query);
  deaf.socket.write(Buffer.concat(queries));
  let highest = before;
  await waitUntil('the client is disconnected', 4 * PATIENCE_MS, async () => {
    await using other = await TcpClient.connect(daemon.port);
    other.send(askTxt('large', 2));
    await other.received(1);
    highest = Math.max(highest, await residentBytes(pid));
    return (await drops(daemon, 'tcp_unread')) > 0;
  });
  t.diagnostic(`RSS before ${toMiB(before)}, at most ${toMiB(highest)}`);
  assert.ok(highest - before < MAX_GROWTH_BYTES);
  deaf.socket.resume();
  await deaf.end();
});
