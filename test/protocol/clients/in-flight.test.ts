import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failureText } from '../../../src/failures/failures.ts';
import { startBehindDouble } from '../../fixtures/dns/behind-double.ts';
import { neverAnswer } from '../../fixtures/dns/doh-behaviours.ts';
import type { DohBehaviour } from '../../fixtures/dns/recording-doh-server.ts';
import { UdpClient } from '../../fixtures/dns/udp-client.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { PATIENCE_MS } from '../../listener/harness.ts';
import { metric } from '../daemon-health.ts';
import { runNamespaced } from '../namespaced.ts';
import { readReply } from '../reply.ts';
import { GOOD } from '../upstream-messages.ts';
import { failures, nameOf } from './load.ts';

/** A silent connection with queries in flight is given up after 12 s. */
const SILENCE_PATIENCE_MS = 30_000;

const EDE_OTHER = 0;
const EDE_NETWORK_ERROR = 23;

const CACHED = 'cached.dns4tor-lab.net';
const LOCAL = 'localhost';

/** Never answers names that start with "hang". */
const hangSome: DohBehaviour = (request) =>
  nameOf(request.query).startsWith('hang') ? neverAnswer(request) : GOOD(request);

/** Summarizes a reply. */
async function outcome(asked: Promise<Buffer>): Promise<string> {
  const { rcode, ede } = readReply(await asked);
  return ede === undefined ? rcode : `${rcode} ${ede.code} ${ede.text}`;
}

const TOO_MANY_OF_CLIENT = `SERVFAIL ${EDE_OTHER} ${failureText('ERR_IN_FLIGHT_CLIENT')}`;
const DEADLINE = `SERVFAIL ${EDE_NETWORK_ERROR} ${failureText('ERR_DEADLINE')}`;

interface Scene {
  readonly title: string;
  /** Limit for all programs of this machine together. */
  readonly ofMachine: number;
  readonly flags: readonly string[];
}

const SCENES: readonly Scene[] = [
  { title: 'small limits', ofMachine: 4, flags: ['--max-in-flight', '8', '--max-in-flight-per-client', '4'] },
  { title: 'the default limits', ofMachine: 512, flags: [] },
];

for (const { title, ofMachine, flags } of SCENES) {
  test(`with ${title}, queries beyond the limit fail at once with a reason, and queries that need not wait are answered`, async (t) => {
    // The default number of circuits, each for a hundred queries. The timeout is long enough that no deadline passes
    // while the places fill up, even on a busy machine.
    await using running = await startBehindDouble(GOOD, ...flags, '--timeout', '4s', '--circuits', '3');
    const { daemon, upstream } = running;
    await daemon.answers();
    await using clients = new AsyncDisposableStack();
    const open = async (from: string): Promise<UdpClient> => clients.use(await UdpClient.open(daemon.port, from));
    let serial = 0;
    const hang = (client: UdpClient): Promise<string> =>
      outcome(client.ask({ name: `hang${serial++}.dns4tor-lab.net`, edns: {} }));
    const inHaste = (client: UdpClient, name: string): Promise<string> => outcome(client.ask({ name, edns: {} }));
    const waiting: Promise<string>[] = [];

    const greedy = await open('127.0.0.2');
    // All loopback addresses are one client.
    const other = await open('127.0.0.3');
    assert.equal(await inHaste(greedy, CACHED), 'NOERROR');
    upstream.behaviour = hangSome;

    for (let i = 0; i < ofMachine; i++) waiting.push(hang(greedy));
    await greedy.flush();
    for (const client of [greedy, other]) {
      assert.equal(await hang(client), TOO_MANY_OF_CLIENT);
      assert.equal(await inHaste(client, CACHED), 'NOERROR');
      assert.equal(await inHaste(client, LOCAL), 'NOERROR');
    }
    assert.equal(greedy.open, ofMachine, 'no waiting query was answered meanwhile');
    assert.deepEqual([await failures(daemon, 'in_flight_client'), await failures(daemon, 'in_flight')], [2, 0]);
    assert.equal(await failures(daemon, 'deadline'), 0, 'the places filled up before the first deadline');

    assert.deepEqual([...new Set(await Promise.all(waiting))], [DEADLINE]);
    assert.equal(await failures(daemon, 'deadline'), ofMachine);
    t.diagnostic(`${ofMachine} queries waited, ${upstream.requests.length} requests reached the upstream`);
    await waitUntil('the waiting queries have left the upstream', SILENCE_PATIENCE_MS, async () => {
      return (await inHaste(greedy, `served${serial++}.dns4tor-lab.net`)) === 'NOERROR';
    });
    assert.equal(await inHaste(other, `served${serial++}.dns4tor-lab.net`), 'NOERROR');
    assert.deepEqual([await failures(daemon, 'in_flight_client'), await failures(daemon, 'in_flight')], [2, 0]);
  });
}

test('five clients with endless unanswered queries do not keep a sixth client or this machine from being answered', () =>
  runNamespaced('upstream-places'));

test('identical concurrent queries are one upstream query, and each takes a place', async () => {
  await using running = await startBehindDouble(
    GOOD,
    '--timeout',
    '4s',
    '--max-in-flight',
    '100',
    '--max-in-flight-per-client',
    '50',
  );
  const { daemon, upstream } = running;
  await daemon.answers();
  const requestsBefore = upstream.requests.length;
  const release = Promise.withResolvers<void>();
  upstream.behaviour = async (request) => {
    await release.promise;
    return GOOD(request);
  };
  await using one = await UdpClient.open(daemon.port, '127.0.0.2');
  await using two = await UdpClient.open(daemon.port, '127.0.0.3');
  const asked = [one, two].flatMap((client) =>
    Array.from({ length: 60 }, () => outcome(client.ask({ name: 'same.dns4tor-lab.net', edns: {} }))),
  );
  await one.flush();
  await two.flush();
  await waitUntil('the upstream is queried', PATIENCE_MS, () => upstream.requests.length > requestsBefore);
  // The second client's queries may be read after that.
  await waitUntil('the excess queries are refused', PATIENCE_MS, () => one.open + two.open === 50);
  release.resolve();
  const outcomes = await Promise.all(asked);
  assert.deepEqual(
    ['NOERROR', TOO_MANY_OF_CLIENT].map((wanted) => outcomes.filter((found) => found === wanted).length),
    [50, 70],
  );
  assert.equal(upstream.requests.length, requestsBefore + 1);
  assert.equal(await metric(daemon, 'dns4tor_coalesced_total'), 49);
});
