import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { probeUpstream, type UpstreamFinding } from '../../src/check/probe-upstream.ts';
import { type Clock, systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { judgeManagedTor } from '../../src/tor/socks/socks-peer.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../fixtures/certificates.ts';
import { startHttp1DohServer } from '../fixtures/dns/http1-doh-server.ts';
import {
  type DohBehaviour,
  headerNamesOf,
  REQUEST_HEADERS,
  type RecordingDohServer,
  startRecordingDohServer,
} from '../fixtures/dns/recording-doh-server.ts';
import { createOnionKey } from '../fixtures/tor/onion-key.ts';
import { GOOD, RCODE, RESPONSE_FLAGS, responseTo } from '../protocol/upstream-messages.ts';
import { type SocksDouble, type SocksDoubleOptions, startSocksDouble } from '../tor/socks-double.ts';
import { configOf } from './config-of.ts';

const HOST = createOnionKey().address;
const HOUR_MS = 3_600_000;

let ca: CertificateAuthority;
let server: RecordingDohServer;
before(async () => {
  ca = await createCertificateAuthority();
  server = await startRecordingDohServer(await ca.issue([HOST]), GOOD);
});
after(async () => {
  await server[Symbol.asyncDispose]();
  await ca[Symbol.asyncDispose]();
});

interface Probed {
  readonly finding: UpstreamFinding;
  readonly socks: SocksDouble;
}

async function probe(
  options: SocksDoubleOptions & { readonly clock?: Clock } = {},
  ...flags: readonly string[]
): Promise<Probed> {
  await using socks = await startSocksDouble({ target: server, ...options });
  const given = flags.includes('--upstream-ca') ? flags : [...flags, '--upstream-ca', ca.certificatePath];
  const [upstream] = configOf('--upstream', `https://${HOST}/dns-query`, ...given).upstreams;
  assert.ok(upstream !== undefined);
  const components = {
    socks: socks.address,
    judgePeer: judgeManagedTor,
    clock: options.clock ?? systemClock,
    random: systemRandom,
  };
  return { finding: await probeUpstream(components, upstream), socks };
}

test('a DoH server with only HTTP/1.1 and TLS 1.2 answers if TLS 1.2 is allowed', async () => {
  await using old = await startHttp1DohServer(await ca.issue([HOST]), GOOD, { maxVersion: 'TLSv1.2' });
  assert.equal((await probe({ target: old })).finding.error?.code, 'ERR_TLS_VERSION');
  const { finding } = await probe({ target: old }, '--upstream-tls-min', '1.2');
  assert.deepEqual([finding.error, finding.answer?.rcode], [undefined, 'NOERROR']);
});

async function probeWith(behaviour: DohBehaviour, clock: Clock = systemClock): Promise<UpstreamFinding> {
  server.behaviour = behaviour;
  try {
    return (await probe({ clock })).finding;
  } finally {
    server.behaviour = GOOD;
  }
}

test('a working resolver is reached by name, proves its identity, answers and reports its time', async () => {
  const { finding, socks } = await probe();
  assert.equal(finding.error, undefined);
  assert.ok(finding.reachedMs !== undefined && finding.answer !== undefined);
  assert.equal(finding.answer.rcode, 'NOERROR');
  assert.equal(finding.clockAheadMs, 0);
  assert.match(finding.certificate?.subjectAltName ?? '', new RegExp(HOST));
  assert.deepEqual(
    socks.requests.map(({ host, addressType }) => [host, addressType]),
    [[HOST, 3]],
  );
});

test("the probe sends the daemon's headers and query, with unique isolation credentials", async () => {
  const known = server.requests.length;
  const requests = [...(await probe()).socks.requests, ...(await probe()).socks.requests];
  const [first, second] = server.requests.slice(known);
  assert.ok(first !== undefined);
  assert.deepEqual(headerNamesOf(first), REQUEST_HEADERS);
  assert.deepEqual(first?.query, second?.query);
  assert.equal(new Set(requests.map(({ username }) => username)).size, 2);
});

test('a failure that Tor reports about the onion service is returned after a second attempt', async () => {
  const { finding, socks } = await probe({ reply: 0xf2 });
  assert.equal(finding.error?.code, 'ERR_TOR_HS_INTRO_FAILED');
  assert.equal(finding.reachedMs, undefined);
  assert.equal(socks.requests.length, 2);
});

test('a wrong certificate is distinguished from an unreachable resolver, and is not retried', async () => {
  const { finding, socks } = await probe({}, '--upstream-name', 'other.example');
  assert.equal(finding.error?.code, 'ERR_TLS_NAME');
  assert.ok(finding.reachedMs !== undefined && finding.connected === undefined);
  assert.equal(socks.requests.length, 1);
});

test('a resolver with a bad answer is distinguished from one without a connection', async () => {
  const { error, connected } = await probeWith(() => ({ status: 404, body: new Uint8Array() }));
  assert.equal(error?.code, 'ERR_DOH_STATUS');
  assert.equal(connected, true);
  const { answer } = await probeWith(({ query }) => ({
    body: responseTo(query, { flags: RESPONSE_FLAGS | RCODE.servfail }),
  }));
  assert.equal(answer?.rcode, 'SERVFAIL');
  const other = await probeWith(({ query }) => ({ body: responseTo(query, { id: 1 }) }));
  assert.equal(other.error?.code, 'ERR_RESPONSE_MISMATCH');
});

test("the clock's difference to the resolver's is found, in either direction", async () => {
  const shifted = (byMs: number): Clock => ({ ...systemClock, epochMs: () => systemClock.epochMs() + byMs });
  const ahead = (await probe({ clock: shifted(HOUR_MS) })).finding.clockAheadMs ?? 0;
  assert.ok(ahead > 0.9 * HOUR_MS && ahead <= HOUR_MS, String(ahead));
  const behind = (await probe({ clock: shifted(-HOUR_MS) })).finding.clockAheadMs ?? 0;
  assert.ok(behind < -0.9 * HOUR_MS && behind >= -HOUR_MS - 1000, String(behind));
});

test('for an answer from an HTTP cache, the time is corrected by its age', async () => {
  // The wall clock stands still, so that a slow machine makes no difference.
  const nowEpochMs = Date.UTC(2026, 0, 2, 3);
  const date = new Date(nowEpochMs - HOUR_MS).toUTCString();
  const { clockAheadMs } = await probeWith(
    ({ query }) => ({ headers: { date, age: '3600' }, body: responseTo(query) }),
    { ...systemClock, epochMs: () => nowEpochMs },
  );
  assert.equal(clockAheadMs, 0);
});

test("without a valid Date, the resolver's time is unknown", async () => {
  const { answer, clockAheadMs } = await probeWith(({ query }) => ({
    headers: { date: 'today' },
    body: responseTo(query),
  }));
  assert.ok(answer !== undefined);
  assert.equal(clockAheadMs, undefined);
});
