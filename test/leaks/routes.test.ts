import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { PROBE_QUERY } from '../../src/message/upstream-query.ts';
import { encodeName } from '../../src/message/wire/codec.ts';
import { LONG_NAME, type Router, startRouter } from '../fixtures/dns/router.ts';
import { type AccessNetwork, type Internet, startInternet } from '../fixtures/namespace/internet.ts';
import { findProgram } from '../fixtures/process/find-program.ts';
import { waitUntil } from '../fixtures/wait-until.ts';
import { questionOf } from '../protocol/upstream-messages.ts';
import { assertLeavesNoTrace, assertServesNoTrace, createCanary } from './canary.ts';
import type { ConfinedDaemon } from './confined-daemon.ts';
import { type ConfinedBehindDouble, startConfinedBehindDouble } from './confined-double.ts';

/*
 * The daemon with two routes to a real dnsmasq, in a network namespace that counts packets by destination and lets all
 * of them through. It reaches a DoH server over a unix socket only. All names that are asked for start with one label,
 * which must not appear anywhere but at the server that the name belongs to.
 */

/** On the far side of the link, as a router is. */
const ROUTER_HOST = '10.53.0.1';
const DNS_PORT = 53;
const SILENT_HOST = '10.53.0.9';

/** In wire form, with the root. */
const ROUTED: readonly string[] = ['lan', 'corp.example'].map((name) =>
  Buffer.from(encodeName(name)).toString('latin1'),
);

/** The question of a readiness probe, which may be sent at any time. */
const PROBE: string = Buffer.from(questionOf(PROBE_QUERY)).toString('latin1');

const TO_ROUTER = `udp ${ROUTER_HOST}:${DNS_PORT}`;
const TO_ROUTER_TCP = `tcp ${ROUTER_HOST}:${DNS_PORT}`;
const TO_SILENT = `udp ${SILENT_HOST}:${DNS_PORT}`;

const canary = createCanary();
let internet: Internet;
let client: AccessNetwork;
let router: Router;
let behindDouble: ConfinedBehindDouble;
let daemon: ConfinedDaemon;

let asked = 0;
const newName = (zone: string): string => `${canary}-${asked++}.${zone}`;

/** Every question that the resolver behind Tor was asked, in wire form, except for probes. */
function askedThroughTor(): readonly string[] {
  const questions = behindDouble.upstream.requests.map(({ query }) =>
    Buffer.from(questionOf(query)).toString('latin1'),
  );
  return questions.filter((question) => question !== PROBE);
}

/** Checks that packets went only to the routers. Returns where they went. */
async function assertOnlyToRouters(): Promise<readonly string[]> {
  const { destinations, packets, frames } = await client.sent();
  const strange = destinations.filter((to) => ![TO_ROUTER, TO_ROUTER_TCP, TO_SILENT].includes(to));
  assert.deepEqual(strange, [], 'packets went elsewhere');
  assert.ok(frames <= packets, `of ${frames} frames, only ${packets} are packets to a router`);
  return destinations;
}

/**
 * Checks that packets went only to the routers, and each name only where it belongs.
 *
 * @param reached where packets must have gone by now
 */
async function assertOnlyWhereTheyBelong(...reached: readonly string[]): Promise<void> {
  const destinations = await assertOnlyToRouters();
  for (const to of reached) assert.ok(destinations.includes(to), to);
  for (const name of router.asked) assert.match(name, /[ .]lan$/, 'the router saw a name that it does not serve');
  for (const name of askedThroughTor()) {
    for (const suffix of ROUTED) assert.ok(!name.includes(suffix), 'a name of a route went through Tor');
  }
  await assertServesNoTrace(canary, daemon);
  await assertLeavesNoTrace(canary, daemon);
}

async function statusOf(name: string, ...args: readonly string[]): Promise<string | undefined> {
  return (await daemon.ask(name, ...args)).status;
}

describe('G1, G3, G8: packets go to the servers of routes with their names, and with nothing else', () => {
  before(async () => {
    internet = await startInternet();
    await internet.run(await findProgram('ip'), 'address', 'add', `${ROUTER_HOST}/32`, 'dev', 'lo');
    client = await internet.connect('open');
    router = await startRouter({
      address: ROUTER_HOST,
      port: DNS_PORT,
      via: internet.via,
      more: ['--address=/served.lan/192.168.1.9'],
    });
    behindDouble = await startConfinedBehindDouble(client, [
      '--route',
      `lan=${ROUTER_HOST},corp.example=${SILENT_HOST}`,
      '--serve-stale',
      '0s',
      '--prefetch',
      'false',
    ]);
    ({ daemon } = behindDouble);
    await daemon.answers();
  });
  after(async () => {
    await behindDouble[Symbol.asyncDispose]();
    await router[Symbol.asyncDispose]();
    await client[Symbol.asyncDispose]();
    await internet[Symbol.asyncDispose]();
  });

  test('start: no packet leaves before a client asks', async () => {
    assert.deepEqual(await client.sent(), { destinations: [], packets: 0, frames: 0 });
    await assertOnlyWhereTheyBelong();
  });

  test('normal service: names below a suffix go to its server alone, all others through Tor alone', async () => {
    const [throughTor, toRouter] = [askedThroughTor().length, router.asked.length];
    assert.equal(await statusOf(newName('served.lan')), 'NOERROR');
    assert.equal(await statusOf(newName('served.lan'), '+dnssec', '+tcp'), 'NOERROR');
    assert.equal(await statusOf(newName('lan'), 'AAAA'), 'NXDOMAIN');
    assert.equal(askedThroughTor().length, throughTor);
    for (const zone of ['example', 'lan.example', 'xlan.example', 'example.org']) {
      assert.equal(await statusOf(newName(zone)), 'NOERROR', zone);
    }
    assert.equal(askedThroughTor().length, throughTor + 4);
    assert.equal(router.asked.length, toRouter + 3);
    await assertOnlyWhereTheyBelong(TO_ROUTER);
  });

  test('a truncated answer is fetched over TCP from the same server', async () => {
    assert.equal(await statusOf(LONG_NAME, 'TXT', '+tcp'), 'NOERROR');
    await assertOnlyWhereTheyBelong(TO_ROUTER_TCP, TO_ROUTER);
  });

  test('a server that is silent: its names fail, and go nowhere else', async () => {
    const throughTor = askedThroughTor().length;
    assert.equal(await statusOf(newName('corp.example')), 'SERVFAIL');
    assert.equal(askedThroughTor().length, throughTor);
    await assertOnlyWhereTheyBelong(TO_SILENT);
  });

  test('Tor down: its names fail, and go nowhere else; names of routes are still answered', async () => {
    await behindDouble.socks[Symbol.asyncDispose]();
    behindDouble.upstream.closeConnections();
    const toRouter = router.asked.length;
    await waitUntil('Tor is down', 30_000, async () => (await statusOf(newName('example'))) === 'SERVFAIL');
    assert.equal(router.asked.length, toRouter);
    assert.equal(await statusOf(newName('served.lan')), 'NOERROR');
    await assertOnlyWhereTheyBelong(TO_ROUTER);
  });

  test('shutdown', async () => {
    daemon.process.signal('SIGTERM');
    assert.equal(await daemon.process.ended, 0);
    await assertLeavesNoTrace(canary, daemon);
    await assertOnlyToRouters();
  });
});
