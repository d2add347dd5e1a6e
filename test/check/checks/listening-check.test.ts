import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { after, before, describe, test } from 'node:test';
import type { Verdict } from '../../../src/check/check-verdict.ts';
import { checkListening, checkResolution } from '../../../src/check/checks/listening-check.ts';
import { type LocalFinding, probeLocal } from '../../../src/check/probe-local.ts';
import { Dns4torError } from '../../../src/failures/errors.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { systemRandom } from '../../../src/lib/random.ts';
import { type AuthoritativeServer, startAuthoritativeServer } from '../../fixtures/dns/authoritative-server.ts';
import { type DaemonBehindDouble, startBehindDouble } from '../../fixtures/dns/behind-double.ts';
import { startDaemon } from '../../fixtures/process/daemon.ts';
import { sumOf } from '../../protocol/lab.ts';
import { answering, GOOD, RCODE, RESPONSE_FLAGS, responseTo } from '../../protocol/upstream-messages.ts';
import { configOf } from '../config-of.ts';

const COMPONENTS = { clock: systemClock, random: systemRandom };
const ADDRESSES = ['127.0.0.1'];
const TRANSPORTS = ['udp', 'tcp'] as const;

function listening(found: readonly LocalFinding[], port = '53'): Promise<Verdict> {
  return checkListening({ config: configOf('--port', port), addresses: ADDRESSES, local: async () => found });
}

function at(...whos: readonly LocalFinding['who'][]): readonly LocalFinding[] {
  return TRANSPORTS.map((transport, index) => ({ address: '127.0.0.1', transport, who: whos[index] ?? 'nobody' }));
}

test('listening: over both transports, over one, another program, and nothing', async () => {
  const both = await listening(at('dns4tor', 'dns4tor'));
  assert.equal(both.status, 'ok');
  assert.match(both.line, /127\.0\.0\.1:53.*UDP and TCP/);
  const one = await listening(at('dns4tor', 'nobody'));
  assert.equal(one.status, 'fail');
  assert.match(one.line, /127\.0\.0\.1:53 over TCP$/);
  const other = await listening(at('another', 'dns4tor'));
  assert.equal(other.status, 'fail');
  assert.match(other.line, /127\.0\.0\.1:53 over UDP is not dns4tor/);
  const nothing = await listening(at());
  assert.equal(nothing.status, 'fail');
  assert.match(nothing.line, /127\.0\.0\.1:53$/);
});

test('listening: an address of another machine, and a port that is chosen at start', async () => {
  const error = new Dns4torError('ERR_LISTEN_ADDRESS', '192.0.2.1:53');
  const elsewhere = await listening([{ address: '192.0.2.1', transport: 'udp', who: 'nobody', error }]);
  assert.equal(elsewhere.line, error.problem);
  assert.equal((await listening([], '0')).status, 'skip');
});

test('another DNS server at the port is recognised over both transports', async () => {
  await using authority: AuthoritativeServer = await startAuthoritativeServer();
  const found = await probeLocal(COMPONENTS, [authority.host], authority.port);
  assert.deepEqual(
    found.map(({ who }) => who),
    ['another', 'another'],
  );
});

describe('a running dns4tor', () => {
  let lab: DaemonBehindDouble;
  before(async () => {
    lab = await startBehindDouble(GOOD, '--timeout', '3s');
    await lab.daemon.answers();
  });
  after(() => lab[Symbol.asyncDispose]());

  const resolution = async (): Promise<Verdict> =>
    checkResolution({
      ...COMPONENTS,
      config: configOf('--port', String(lab.daemon.port), '--timeout', '3s'),
      local: () => probeLocal(COMPONENTS, ADDRESSES, lab.daemon.port),
    });

  test('is recognised over UDP and TCP, without a query upstream', async () => {
    const asked = lab.upstream.requests.length;
    const found = await probeLocal(COMPONENTS, ADDRESSES, lab.daemon.port);
    assert.deepEqual(
      found.map(({ transport, who }) => [transport, who]),
      [
        ['udp', 'dns4tor'],
        ['tcp', 'dns4tor'],
      ],
    );
    assert.equal(lab.upstream.requests.length, asked);
  });

  test('is recognised without counting a failure in its metrics', async () => {
    const failures = async (): Promise<number> =>
      sumOf((await lab.daemon.page('/metrics')).body, 'dns4tor_failures_total');
    const known = await failures();
    await probeLocal(COMPONENTS, ADDRESSES, lab.daemon.port);
    assert.equal(await failures(), known);
  });

  test('is recognised at an address that other machines can reach', async (context) => {
    const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    const address = own.find(({ internal, scopeid }) => !internal && !scopeid)?.address;
    if (address === undefined) return context.skip('this machine has no such address');
    await using daemon = await startDaemon(['--address', address, '--allow', address, '--tor-socks', 'unix:/nowhere']);
    const found = await probeLocal(COMPONENTS, [address], daemon.port);
    assert.deepEqual(
      found.map(({ who }) => who),
      ['dns4tor', 'dns4tor'],
    );
  });

  test('without an answer reports the reason', async () => {
    lab.upstream.behaviour = ({ query }) => ({
      body: responseTo(query, { flags: RESPONSE_FLAGS | RCODE.servfail }),
    });
    const verdict = await resolution();
    assert.equal(verdict.status, 'fail');
    assert.match(verdict.line, /\bSERVFAIL: ./);
  });
});

test('a resolver that refuses the query is a warning, because the path to it works', async () => {
  await using lab = await startBehindDouble(answering({ flags: RESPONSE_FLAGS | RCODE.refused }));
  await lab.daemon.answers();
  const { status } = await checkResolution({
    ...COMPONENTS,
    config: configOf('--port', String(lab.daemon.port)),
    local: () => probeLocal(COMPONENTS, ADDRESSES, lab.daemon.port),
  });
  assert.equal(status, 'warn');
});

test('a refused query is a failure', async () => {
  await using authority = await startAuthoritativeServer();
  const { status, line } = await checkResolution({
    ...COMPONENTS,
    config: configOf('--port', String(authority.port)),
    local: async () => at('dns4tor', 'dns4tor'),
  });
  assert.equal(status, 'fail');
  assert.match(line, /\bREFUSED$/);
});

test('the time of an answer is reported', async () => {
  await using lab = await startBehindDouble(GOOD);
  await lab.daemon.answers();
  const { status, line, durationMs } = await checkResolution({
    ...COMPONENTS,
    config: configOf('--port', String(lab.daemon.port)),
    local: () => probeLocal(COMPONENTS, ADDRESSES, lab.daemon.port),
  });
  assert.equal(status, 'ok');
  assert.match(line, /\bm?s$/);
  assert.ok(durationMs !== undefined);
});

test('without a running dns4tor, the resolution check is skipped', async () => {
  const verdict = await checkResolution({ ...COMPONENTS, config: configOf(), local: async () => at('another') });
  assert.equal(verdict.status, 'skip');
});
