import assert from 'node:assert/strict';
import { test } from 'node:test';
import { watchBootstrap } from '../../src/check/watch-bootstrap.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';
import type { TorStatus } from '../../src/model/tor-status.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';
import { waitUntil } from '../fixtures/wait-until.ts';
import { type ControlDouble, startControlDouble } from '../tor/control-double.ts';
import { startOfflineTor } from '../tor/offline-tor.ts';
import { addOnionAuth, ONION_AUTH, SAME_ONION_AUTH_IN_TOR, viewOnionAuths } from '../tor/onion-auths.ts';

const SOCKS = { kind: 'tcp', host: '127.0.0.1', port: 9 } as const;
const RELAY = '$A5CC0131FB4C872564A2AFBD2883C58813F3D8EA';

function phase(percent: number, tag: string, rest = ''): string {
  return `NOTICE BOOTSTRAP PROGRESS=${percent} TAG=${tag} SUMMARY="Some phase"${rest}`;
}

function startTor(line: string): Promise<ControlDouble> {
  return startControlDouble({
    'GETINFO status/bootstrap-phase': [
      `250-status/bootstrap-phase=${line}`,
      '250-status/circuit-established=0',
      '250+circuit-status=',
      '.',
      '250 OK',
    ],
  });
}

/** Watches a Tor, and calls `act` once a second of the clock. */
async function watch(
  control: ControlDouble,
  act: (second: number) => void,
  surroundings: Partial<Parameters<typeof watchBootstrap>[0]['surroundings']> = {},
): Promise<{ readonly status: TorStatus; readonly seconds: number }> {
  const clock = new ManualClock();
  const done = new AbortController();
  const watching = watchBootstrap(
    {
      clock,
      random: systemRandom,
      surroundings: { hasNetwork: () => true, entry: 'relays', usesTransport: false, ...surroundings },
    },
    { socks: SOCKS, control: control.address },
  ).finally(() => done.abort());
  await waitUntil('Tor is watched', 5000, () => clock.untilNextMs === 200);
  for (let second = 1; !done.signal.aborted; second++) {
    act(second);
    await clock.advanceAsync(1000);
  }
  const status = await watching;
  assert.equal(clock.pendingTimers, 0);
  return { status, seconds: clock.now() / 1000 };
}

/** Reports of real tors, as measured with 0.4.9.11. */
const SITUATIONS = [
  {
    what: 'packets dropped',
    line: phase(5, 'conn'),
    events: [],
    code: 'ERR_TOR_BLOCKED',
  },
  {
    what: 'connections refused',
    line: phase(5, 'conn'),
    events: [
      `650 STATUS_CLIENT WARN BOOTSTRAP PROGRESS=5 TAG=conn SUMMARY="Connecting to a relay" WARNING="Connection refused" REASON=CONNECTREFUSED COUNT=11 RECOMMENDATION=warn HOSTID="${RELAY.slice(1)}" HOSTADDR="192.0.2.1:443"`,
    ],
    code: 'ERR_TOR_BLOCKED',
  },
  {
    what: 'no route to a relay',
    line: phase(0, 'starting'),
    events: [`650 ORCONN ${RELAY} FAILED REASON=NOROUTE NCIRCS=1 ID=6`],
    code: 'ERR_TOR_OFFLINE',
  },
  {
    what: 'a clock that is three days slow',
    line: phase(40, 'loading_keys'),
    events: ['650 STATUS_GENERAL WARN CLOCK_SKEW SKEW=-259200 SOURCE=OR:192.0.2.1:443'],
    code: 'ERR_TOR_CLOCK',
  },
  {
    what: 'a clock that is three days fast',
    line: phase(14, 'handshake', ' WARNING="DONE" REASON=DONE COUNT=9 RECOMMENDATION=ignore'),
    events: ['650 WARN Received a bad CERTS cell: At least one certificate expired.'],
    code: 'ERR_TOR_CLOCK',
  },
  {
    what: 'an obfs4 bridge that is unreachable',
    line: phase(2, 'conn_done_pt'),
    events: [],
    surroundings: { entry: 'bridges', usesTransport: true },
    code: 'ERR_TOR_BRIDGES',
  },
  {
    what: 'the program of a transport that ends',
    line: phase(0, 'starting'),
    events: ['650 WARN Managed proxy "/usr/bin/obfs4proxy" having PID 7 terminated with status code 1'],
    surroundings: { entry: 'bridges', usesTransport: true },
    code: 'ERR_TOR_TRANSPORT',
  },
  {
    what: "a transport's server that is not found",
    line: phase(10, 'conn_done'),
    events: [
      '650 NOTICE Managed proxy "/usr/bin/snowflake-client": broker failure dial tcp: lookup broker.test on [scrubbed]: server misbehaving',
    ],
    surroundings: { entry: 'named-bridges', usesTransport: true },
    code: 'ERR_TOR_TRANSPORT_NAME',
  },
] as const;

for (const { what, line, events, code, ...rest } of SITUATIONS) {
  test(`${what}: ${code}, within 20 s`, async () => {
    await using control = await startTor(line);
    const surroundings = 'surroundings' in rest ? rest.surroundings : {};
    const { status, seconds } = await watch(
      control,
      (second) => second % 2 === 0 && control.send(...events),
      surroundings,
    );
    assert.equal(status.trouble?.code, code);
    assert.ok(seconds <= 21, String(seconds));
    for (const secret of ['192.0.2.1', RELAY.slice(1), 'broker.test']) {
      assert.ok(!status.trouble.message.includes(secret), status.trouble.message);
    }
  });
}

test('a Tor that bootstraps slowly is not called stuck', async () => {
  await using control = await startTor(phase(5, 'conn'));
  const { status, seconds } = await watch(control, (second) => {
    if (second % 12 === 0) control.send(`650 STATUS_CLIENT ${phase(5 + second, 'loading')}`);
  });
  assert.deepEqual([status.state, status.bootstrapPercent], ['bootstrapping', 29]);
  assert.equal(seconds, 25);
});

test('a Tor that gets there is up at once', async () => {
  await using control = await startTor(phase(75, 'enough_dirinfo'));
  const { status, seconds } = await watch(control, (second) => {
    if (second !== 3) return;
    control.send(`650 STATUS_CLIENT ${phase(100, 'done')}`, '650 STATUS_CLIENT NOTICE CIRCUIT_ESTABLISHED');
  });
  assert.equal(status.state, 'up');
  assert.ok(seconds <= 5, String(seconds));
});

test('a Tor that ends is down', async () => {
  await using control = await startTor(phase(5, 'conn'));
  const { status } = await watch(control, (second) => second === 2 && void control.stop());
  assert.equal(status.state, 'down');
});

test('a real tor is watched without a change, and keeps its keys', async () => {
  await using tor = await startOfflineTor();
  await addOnionAuth(tor.control, ONION_AUTH);
  const surroundings = { hasNetwork: () => false, entry: 'unknown', usesTransport: false } as const;
  const search = { socks: tor.socks, control: { kind: 'auto' }, usualControlAddresses: [tor.control] } as const;
  const { state, trouble } = await watchBootstrap({ clock: systemClock, random: systemRandom, surroundings }, search);
  assert.equal(state, 'stuck');
  assert.equal(trouble?.code, 'ERR_TOR_OFFLINE');
  assert.deepEqual(await viewOnionAuths(tor.control), [SAME_ONION_AUTH_IN_TOR]);
});
