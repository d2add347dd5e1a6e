import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dropConnection, goAway, neverAnswer, resetStream } from '../../fixtures/dns/doh-behaviours.ts';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import type { DohBehaviour } from '../../fixtures/dns/recording-doh-server.ts';
import { startDaemon } from '../../fixtures/process/daemon.ts';
import { createOnionKey } from '../../fixtures/tor/onion-key.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { PATIENCE_MS } from '../../listener/harness.ts';
import { startSocksDouble } from '../../tor/socks-double.ts';
import { type Lab, startLab } from '../lab.ts';
import { exchange, testOverBoth } from '../raw-client.ts';
import { readReply } from '../reply.ts';
import { addressOf, GOOD, questionOf, responseTo } from '../upstream-messages.ts';
import { askUntilAnswered, askUntilKept } from './kept-failure.ts';

/*
 * Failures of the connection to upstream, and slow upstreams. Each test has its own daemon, because all queries of
 * a daemon share its connections.
 */

const NAME = 'asked.example';

/** RFC 8914 §4.23 and §4.24. */
const NO_REACHABLE_AUTHORITY = 22;
const NETWORK_ERROR = 23;

/** The connections on which upstream was queried for a name, in order. */
function connectionsFor({ upstream }: Lab, name: string): number[] {
  const isAbout = (query: Uint8Array): boolean =>
    Buffer.from(questionOf(query)).equals(buildQuery({ name }).subarray(12));
  return upstream.requests.filter(({ query }) => isAbout(query)).map(({ connection }) => connection);
}

/** Starts a response body and never ends it. */
const stalledBody: DohBehaviour =
  ({ query }) =>
  (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/dns-message' });
    stream.write(responseTo(query, { answers: [addressOf()] }).subarray(0, -1));
  };

for (const [behaviour, upstream] of [
  ['RFC 9113 §6.8: a query that is refused with a GOAWAY', goAway],
  ['RFC 9113 §5.4.2: a query whose stream is reset', resetStream],
  ['RFC 9113 §9.1: a query whose connection is closed under it', dropConnection],
] as const) {
  testOverBoth(`${behaviour} is sent again, and answered`, async (transport) => {
    await using lab = await startLab();
    lab.behave(NAME, (request) => {
      lab.behave(NAME, GOOD);
      return upstream(request);
    });
    const reply = await lab.ask(transport, { name: NAME, edns: {} });
    assert.deepEqual([reply.rcode, reply.answers.length, reply.ede], ['NOERROR', 1, undefined]);
    assert.equal(lab.asked(NAME), 2);
    if (upstream !== resetStream) assert.equal(new Set(connectionsFor(lab, NAME)).size, 2);
  });

  testOverBoth(`${behaviour} each time is SERVFAIL with EDE 23, and a good answer follows`, async (transport) => {
    await using lab = await startLab();
    lab.behave(NAME, upstream);
    const reply = await lab.ask(transport, { name: NAME, edns: {} });
    assert.deepEqual([reply.rcode, reply.ede?.code, reply.answers], ['SERVFAIL', NETWORK_ERROR, []]);
    assert.equal(lab.asked(NAME), 2);
    assert.equal((await askUntilAnswered(lab, transport, NAME)).answers.length, 1);
  });
}

testOverBoth(
  'RFC 9113 §5.4.2: a stream that is reset does not affect other streams of its connection',
  async (transport) => {
    await using lab = await startLab();
    const held = Promise.withResolvers<void>();
    lab.behave('sibling.example', async (request) => {
      await held.promise;
      return GOOD(request);
    });
    lab.behave(NAME, resetStream);
    const sibling = lab.ask(transport, { name: 'sibling.example' });
    await waitUntil('the other query is sent', PATIENCE_MS, () => lab.asked('sibling.example') === 1);
    assert.equal((await lab.ask(transport, { name: NAME })).rcode, 'SERVFAIL');
    held.resolve();
    assert.equal((await sibling).answers.length, 1);
    assert.equal(lab.asked('sibling.example'), 1);
  },
);

testOverBoth('RFC 9113 §9.1: after the end of an idle connection, the next query opens another', async (transport) => {
  await using lab = await startLab();
  const before = lab.upstream.connections;
  lab.upstream.closeConnections();
  const reply = await lab.ask(transport, { name: NAME });
  assert.equal(reply.answers.length, 1);
  assert.ok(connectionsFor(lab, NAME).every((connection) => connection >= before));
});

// These tests mostly wait, so they run concurrently.
describe('an upstream that lets a query wait', { concurrency: true }, () => {
  for (const [behaviour, upstream] of [
    ['a body that never ends', stalledBody],
    ['no answer at all', neverAnswer],
  ] as const) {
    testOverBoth(
      `RFC 8914 §4.24: ${behaviour} is SERVFAIL with EDE 23 at the deadline; RFC 9520 §3: cached, with EDE 13; and a good answer follows`,
      async (transport) => {
        await using lab = await startLab('--timeout', '1s');
        lab.behave(NAME, upstream);
        const reply = await lab.ask(transport, { name: NAME, edns: {} });
        assert.deepEqual([reply.rcode, reply.ede?.code, reply.answers], ['SERVFAIL', NETWORK_ERROR, []]);
        assert.equal((await askUntilKept(lab, transport, NAME)).rcode, 'SERVFAIL');
        // Other queries are answered meanwhile, and the connection stays open.
        assert.equal((await lab.ask(transport, { name: 'other.example' })).answers.length, 1);
        assert.equal((await askUntilAnswered(lab, transport, NAME)).answers.length, 1);
        assert.equal(await lab.counter('dns4tor_upstream_reconnects_total', { cause: 'stalled' }), 0);
      },
    );
  }
});

testOverBoth(
  'RFC 8767 §5: while upstream is down, cached answers are returned as usual, and others are SERVFAIL with EDE 23',
  async (transport) => {
    await using lab = await startLab();
    await lab.ask(transport, { name: NAME });
    for (let i = 0; i < 2; i++) {
      lab.behave(`new${i}.example`, dropConnection);
      const fresh = await lab.ask(transport, { name: `new${i}.example`, edns: {} });
      assert.deepEqual([fresh.rcode, fresh.ede?.code], ['SERVFAIL', NETWORK_ERROR]);
      const kept = await lab.ask(transport, { name: NAME, edns: {} });
      assert.deepEqual([kept.rcode, kept.answers.length, kept.ede], ['NOERROR', 1, undefined]);
    }
    assert.equal(lab.asked(NAME), 1);
  },
);

for (const [behaviour, reply, ede] of [
  ['the onion service has no descriptor', 0xf0, NO_REACHABLE_AUTHORITY],
  ['the onion service refuses the port', 5, NO_REACHABLE_AUTHORITY],
  ['Tor has no route to it', 4, NETWORK_ERROR],
  ['the program on Tor’s port hangs up', 'hang up', NETWORK_ERROR],
] as const) {
  testOverBoth(`RFC 8914 §4.23, §4.24: if ${behaviour}, the reply is SERVFAIL with EDE ${ede}`, async (transport) => {
    await using socks = await startSocksDouble({ reply });
    assert.equal(await edeBehind(socks.address, transport), ede);
  });
}

test('RFC 8914 §4.24: if nothing listens on Tor’s port, the reply is SERVFAIL with EDE 23 (UDP)', async () => {
  const socks = await startSocksDouble();
  await socks[Symbol.asyncDispose]();
  assert.equal(await edeBehind(socks.address, 'udp'), NETWORK_ERROR);
});

/** The EDE of a reply if this replaces Tor. */
async function edeBehind(
  socks: Awaited<ReturnType<typeof startSocksDouble>>['address'],
  transport: 'udp' | 'tcp',
): Promise<number | undefined> {
  if (socks.kind !== 'tcp') throw new Error('the SOCKS double listens on no port');
  const upstream = ['--upstream', `https://${createOnionKey().address}/dns-query`];
  await using daemon = await startDaemon([...upstream, '--tor-socks', `${socks.host}:${socks.port}`]);
  const reply = readReply(await exchange(transport, daemon, buildQuery({ name: NAME, edns: {} })));
  assert.equal(reply.rcode, 'SERVFAIL');
  return reply.ede?.code;
}
