import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deadline } from '../../../src/lib/deadline.ts';
import { systemRandom } from '../../../src/lib/random.ts';
import { buildUpstreamQuery } from '../../../src/message/upstream-query.ts';
import { encodeQuestion } from '../../../src/message/wire/codec.ts';
import type { LocalServerEvents } from '../../../src/upstream/routes/local-server.ts';
import { RouteTable } from '../../../src/upstream/routes/route-table.ts';
import { RoutedUpstream } from '../../../src/upstream/routes/routed-upstream.ts';
import type { AnswerPath } from '../../../src/upstream/upstream.ts';
import { decodeReply } from '../../fixtures/dns/messages.ts';
import { type RouteDouble, type RouteDoubleOptions, startRouteDouble } from '../../fixtures/dns/route-double.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { UpstreamDouble } from '../../resolver/harness.ts';

const QUERY = buildUpstreamQuery(encodeQuestion('nas.lan', 'A'), false, false);
const ADDRESS = '192.168.1.5';

/** A response to a plain query with one A record, and AD. */
function answerTo(query: Uint8Array, change: (response: Buffer) => void = () => {}): Buffer {
  const questionEnd = 12 + 9 + 4;
  const response = Buffer.concat([
    query.subarray(0, questionEnd),
    Buffer.from('c00c00010001000000780004', 'hex'),
    Buffer.from(ADDRESS.split('.').map(Number)),
  ]);
  response.writeUInt16BE(0x81a0, 2);
  response.writeUInt16BE(1, 6);
  response.writeUInt16BE(0, 10);
  change(response);
  return response;
}

const withRcode = (query: Uint8Array, rcode: number): Buffer =>
  answerTo(query, (r) => r.writeUInt16BE(0x8180 | rcode, 2))
    .subarray(0, 25)
    .fill(0, 6, 12);
const truncated = (query: Uint8Array): Buffer => answerTo(query, (r) => r.writeUInt16BE(0x8380, 2));

interface Rig extends AsyncDisposable {
  readonly clock: ManualClock;
  readonly tor: UpstreamDouble;
  readonly upstream: RoutedUpstream;
  readonly servers: readonly RouteDouble[];
  readonly events: string[];
  ask(timeoutMs?: number): Promise<Uint8Array>;
  /** Waits until a server has received so many datagrams. */
  received(server: number, datagrams: number): Promise<void>;
  path: AnswerPath | undefined;
}

async function rig(...behaviours: readonly RouteDoubleOptions[]): Promise<Rig> {
  const clock = new ManualClock();
  const tor = new UpstreamDouble();
  const servers = await Promise.all(behaviours.map(startRouteDouble));
  const events: string[] = [];
  const routes = [{ suffix: 'lan', zones: ['lan'], servers: servers.map(({ port }) => ({ host: '127.0.0.1', port })) }];
  const createEvents = (route: string): LocalServerEvents => ({
    failing: (_, { code }) => events.push(`${route} ${code}`),
    recovered: () => events.push(`${route} recovered`),
  });
  const upstream = new RoutedUpstream({ clock, random: systemRandom, createEvents, tor }, new RouteTable(routes));
  const own: Rig = {
    clock,
    tor,
    upstream,
    servers,
    events,
    path: undefined,
    ask: (timeoutMs = 10_000) =>
      upstream.exchange(QUERY, {
        deadline: Deadline.after(clock, timeoutMs),
        onAnswer: (path) => (own.path = path),
      }),
    received: (server, datagrams) =>
      waitUntil('the datagrams arrive', 5000, () => servers[server]!.datagrams.length >= datagrams),
    async [Symbol.asyncDispose]() {
      await upstream[Symbol.asyncDispose]();
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
      assert.equal(clock.pendingTimers, 0, 'timers are left');
    },
  };
  return own;
}

const answering: RouteDoubleOptions = { onDatagram: ({ query, reply }) => reply(answerTo(query)) };
const silent: RouteDoubleOptions = {};
const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '');

function assertAnswer(response: Uint8Array): void {
  const { id, flag_ad, questions, answers } = decodeReply(response);
  assert.equal(id, 0);
  assert.equal(flag_ad, false, 'AD of an unauthenticated server');
  assert.equal(questions?.[0]?.name.toLowerCase(), 'nas.lan');
  assert.deepEqual(
    answers?.map((record) => ('data' in record ? record.data : undefined)),
    [ADDRESS],
  );
}

test('a query goes to the server alone, from a new port with a new ID and case each time', async () => {
  await using own = await rig(answering);
  for (let i = 0; i < 30; i++) assertAnswer(await own.ask());
  const { datagrams, messages } = own.servers[0]!;
  assert.equal(datagrams.length, 30);
  const distinct = (value: (datagram: (typeof datagrams)[number]) => unknown): number =>
    new Set(datagrams.map(value)).size;
  assert.ok(distinct(({ port }) => port) > 25);
  assert.ok(distinct(({ query }) => query.readUInt16BE(0)) > 25);
  assert.ok(distinct(({ query }) => query.toString('latin1', 12, 21)) > 15);
  assert.equal(messages.length, 0);
  assert.equal(own.tor.queries.length, 0);
  assert.equal(own.path?.upstream, `dns://127.0.0.1:${own.servers[0]!.port}`);
  assert.deepEqual([...own.upstream.routes[0]!.outcomes], [['ok', 30]]);
});

test('names that no route covers go through Tor alone', async () => {
  await using own = await rig(answering);
  const query = buildUpstreamQuery(encodeQuestion('nas.example', 'A'), false, false);
  await own.upstream.exchange(query, { deadline: Deadline.after(own.clock, 1000) });
  assert.equal(own.tor.queries.length, 1);
  assert.equal(own.servers[0]!.datagrams.length, 0);
});

const FORGERIES: Readonly<Record<string, (response: Buffer) => void>> = {
  'another ID': (r) => r.writeUInt16BE(r.readUInt16BE(0) ^ 1, 0),
  'another name': (r) => (r[14] = 0x78),
  'another type': (r) => r.writeUInt16BE(28, 21),
  'two questions': (r) => r.writeUInt16BE(2, 4),
  'no response bit': (r) => r.writeUInt16BE(0x0180, 2),
};

for (const [what, change] of Object.entries(FORGERIES)) {
  test(`a reply with ${what} is ignored, and the right one is still accepted`, async () => {
    await using own = await rig({
      onDatagram({ query, reply }) {
        reply(answerTo(query, (r) => (change(r), (r[r.length - 1] = 66))));
        reply(answerTo(query));
      },
    });
    assertAnswer(await own.ask());
  });
}

test('a reply from another port is ignored', async () => {
  await using own = await rig({
    onDatagram({ query, reply, replyFromElsewhere }) {
      replyFromElsewhere(answerTo(query, (r) => (r[r.length - 1] = 66)));
      reply(answerTo(query));
    },
  });
  assertAnswer(await own.ask());
});

test('after a reply in another case, the query is sent over TCP, where nobody can guess', async () => {
  await using own = await rig({
    onDatagram: ({ query, reply }) =>
      reply(answerTo(query, (r) => Buffer.from(r.toString('latin1', 12, 21).toLowerCase(), 'latin1').copy(r, 12))),
    onMessage: (query) =>
      answerTo(query, (r) => Buffer.from(r.toString('latin1', 12, 21).toLowerCase(), 'latin1').copy(r, 12)),
  });
  // The case of six letters may happen to be all lower.
  while (own.servers[0]!.messages.length === 0) assertAnswer(await own.ask());
});

test('after many replies that do not match, the query is sent over TCP', async () => {
  await using own = await rig({
    onDatagram({ query, reply }) {
      for (let i = 1; i <= 32; i++) reply(answerTo(query, (r) => r.writeUInt16BE(r.readUInt16BE(0) ^ i, 0)));
    },
    onMessage: (query) => answerTo(query),
  });
  assertAnswer(await own.ask());
  assert.equal(own.servers[0]!.messages.length, 1);
});

test('a second answer changes nothing, and a late one is not the answer to the next query', async () => {
  await using own = await rig({
    onDatagram({ query, reply }, index) {
      reply(answerTo(query));
      reply(answerTo(query, (r) => (r[r.length - 1] = 66)));
      if (index > 0) own.servers[0]!.datagrams[0]!.reply(answerTo(own.servers[0]!.datagrams[0]!.query));
    },
  });
  assertAnswer(await own.ask());
  assertAnswer(await own.ask());
});

test('a truncated answer is not used, whatever it holds: the query goes over TCP with another ID and case', async () => {
  await using own = await rig({
    onDatagram: ({ query, reply }) => reply(Buffer.concat([truncated(query), Buffer.alloc(200, 0xff)])),
    onMessage: (query) => answerTo(query),
  });
  assertAnswer(await own.ask());
  const { datagrams, messages } = own.servers[0]!;
  assert.equal(messages.length, 1);
  assert.notEqual(messages[0]!.toString('hex', 0, 25), datagrams[0]!.query.toString('hex', 0, 25));
});

test('a connection that closes without an answer, or answers another question, is a failure', async () => {
  for (const [onMessage, code] of [
    [() => undefined, 'ERR_ROUTE_UNREACHABLE'],
    [(query: Buffer) => answerTo(query, (r) => r.writeUInt16BE(r.readUInt16BE(0) ^ 1, 0)), 'ERR_RESPONSE_MISMATCH'],
    [truncated, 'ERR_RESPONSE_TRUNCATED'],
  ] as const) {
    await using own = await rig({ onDatagram: ({ query, reply }) => reply(truncated(query)), onMessage });
    await assert.rejects(own.ask(), (error) => codeOf(error) === code, code);
  }
});

test('a server that refuses EDNS is asked again without it', async () => {
  await using own = await rig({
    onDatagram: ({ query, reply }) => reply(query.readUInt16BE(10) === 1 ? withRcode(query, 1) : answerTo(query)),
  });
  assertAnswer(await own.ask());
  assert.equal(own.servers[0]!.datagrams.length, 2);
});

test('without an answer, the same query is sent again from the same port, and then fails', async () => {
  await using own = await rig(silent);
  const asked = own.ask();
  const failed = assert.rejects(asked, (error) => codeOf(error) === 'ERR_ROUTE_TIMEOUT');
  await own.received(0, 1);
  own.clock.advance(750);
  await own.received(0, 2);
  own.clock.advance(1500);
  await own.received(0, 3);
  own.clock.advance(2250);
  await failed;
  const [first, ...others] = own.servers[0]!.datagrams;
  for (const { query, port } of others) assert.deepEqual([query, port], [first!.query, first!.port]);
  assert.deepEqual(own.events, ['lan ERR_ROUTE_TIMEOUT']);
  assert.equal(own.upstream.routes[0]!.servers[0]!.failure, 'ERR_ROUTE_TIMEOUT');
  assert.equal(own.tor.queries.length, 0, 'no fallback to Tor');
});

test('the next server answers for a silent one, which is then tried last for ten seconds', async () => {
  await using own = await rig(silent, answering);
  const asked = own.ask();
  await own.received(0, 1);
  own.clock.advance(2000);
  assertAnswer(await asked);
  assert.equal(own.path?.secondTry, true);
  const sent = own.servers[0]!.datagrams.length;
  assertAnswer(await own.ask());
  assert.equal(own.servers[0]!.datagrams.length, sent, 'a server that failed is asked again too soon');
  own.clock.advance(10_000);
  const later = own.ask();
  await own.received(0, sent + 1);
  own.clock.advance(2000);
  assertAnswer(await later);
});

test('the next server answers for one that fails or refuses; if all do, the client gets that answer', async () => {
  for (const rcode of [2, 5]) {
    const failing: RouteDoubleOptions = { onDatagram: ({ query, reply }) => reply(withRcode(query, rcode)) };
    await using own = await rig(failing, answering);
    assertAnswer(await own.ask());
    assert.deepEqual(own.events, []);
    await using both = await rig(failing, failing);
    const { rcode: text } = decodeReply(await both.ask());
    assert.equal(text, rcode === 2 ? 'SERVFAIL' : 'REFUSED');
  }
});

test('a port where no server listens fails at once, and the answer after it is noted', async () => {
  await using own = await rig(answering);
  const [server] = own.servers;
  const table = (port: number): RouteTable =>
    new RouteTable([{ suffix: 'lan', zones: ['lan'], servers: [{ host: '127.0.0.1', port }] }]);
  const closed = await startRouteDouble({});
  await closed[Symbol.asyncDispose]();
  own.upstream.replace(table(closed.port));
  await assert.rejects(own.ask(), (error) => codeOf(error) === 'ERR_ROUTE_UNREACHABLE');
  own.upstream.replace(table(server!.port));
  assertAnswer(await own.ask());
  assert.deepEqual(
    [...own.upstream.routes[0]!.outcomes],
    [
      ['route_unreachable', 1],
      ['ok', 1],
    ],
  );
});

test('a query that is given up, and a shutdown, end at once and close the socket', async () => {
  const own = await rig(silent);
  const abort = new AbortController();
  const deadline = new Deadline(own.clock, 10_000, abort.signal);
  const given = assert.rejects(own.upstream.exchange(QUERY, { deadline }), (error) => codeOf(error) === 'ERR_GIVEN_UP');
  await own.received(0, 1);
  abort.abort();
  await given;
  assert.equal(own.upstream.routes[0]!.servers[0]!.failure, undefined);
  const asked = assert.rejects(own.ask(), (error) => codeOf(error) === 'ERR_SHUTDOWN');
  await own.received(0, 2);
  await own[Symbol.asyncDispose]();
  await asked;
});

test('at most 256 queries are in flight', async () => {
  await using own = await rig(silent);
  const asked = Array.from({ length: 256 }, () => own.ask().catch(codeOf));
  await assert.rejects(own.ask(), (error) => codeOf(error) === 'ERR_QUEUE_FULL');
  await own.received(0, 1);
  own.clock.advance(4500);
  assert.deepEqual(new Set(await Promise.all(asked)), new Set(['ERR_ROUTE_TIMEOUT']));
});

test('an address that the system does not let it send to, and one without a way to it, are told apart', async () => {
  await using own = await rig();
  for (const [host, code] of [
    // Needs SO_BROADCAST, so the kernel denies it as a firewall would.
    ['255.255.255.255', 'ERR_ROUTE_DENIED'],
    ['fe80::1%absent0', 'ERR_ROUTE_UNREACHABLE'],
  ] as const) {
    own.upstream.replace(new RouteTable([{ suffix: 'lan', zones: ['lan'], servers: [{ host, port: 53 }] }]));
    await assert.rejects(own.ask(), (error) => codeOf(error) === code, host);
  }
});
