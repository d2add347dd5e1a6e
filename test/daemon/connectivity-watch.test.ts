import assert from 'node:assert/strict';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { ConnectivityWatch } from '../../src/daemon/connectivity-watch.ts';
import { delay, systemClock } from '../../src/lib/clock.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';

type Interfaces = NodeJS.Dict<NetworkInterfaceInfo[]>;

interface Machine extends Disposable {
  readonly clock: ManualClock;
  /** Reported events: the length of a sleep in milliseconds, or a new address. */
  readonly noticed: (number | 'new address')[];
  /** Replaces the network interfaces. */
  connect(interfaces: Interfaces): void;
  /** Makes reading the interfaces fail until {@link connect}. */
  confuse(): void;
}

function createMachine(interfaces: Interfaces): Machine {
  const clock = new ManualClock();
  const noticed: (number | 'new address')[] = [];
  let read: () => Interfaces = () => interfaces;
  const watch = new ConnectivityWatch(
    { clock, networkInterfaces: () => read() },
    { onWakeUp: (sleptMs) => noticed.push(sleptMs), onNewAddress: () => noticed.push('new address') },
  );
  return {
    clock,
    noticed,
    connect(current) {
      read = () => current;
    },
    confuse() {
      read = () => {
        throw new Error('too many open files');
      };
    },
    [Symbol.dispose]: () => watch[Symbol.dispose](),
  };
}

/** An interface with these addresses. */
function addresses(...list: readonly string[]): NetworkInterfaceInfo[] {
  return list.map((address) => {
    const shared = { address, netmask: '', mac: '00:00:00:00:00:00', internal: false, cidr: null };
    return address.includes(':') ? { ...shared, family: 'IPv6', scopeid: 0 } : { ...shared, family: 'IPv4' };
  });
}

const LOOPBACK = addresses('127.0.0.1', '::1').map((info) => ({ ...info, internal: true }));
const HOME = { lo: LOOPBACK, eth0: addresses('192.0.2.7', '2001:db8::7') };

test('a sleep is reported once, within two seconds of the wake-up, with its length', () => {
  using machine = createMachine(HOME);
  machine.clock.advance(60_000);
  assert.deepEqual(machine.noticed, []);
  machine.clock.sleep(3_600_000);
  machine.clock.advance(2000);
  assert.deepEqual(machine.noticed, [3_600_000]);
  machine.clock.advance(60_000);
  assert.deepEqual(machine.noticed, [3_600_000]);
});

for (const [step, byMs] of [
  ['an hour forward', 3_600_000],
  ['an hour back', -3_600_000],
  ['a day forward', 86_400_000],
] as const) {
  test(`setting the wall clock ${step} is not taken for a sleep`, () => {
    using machine = createMachine(HOME);
    machine.clock.advance(60_000);
    machine.clock.setWallClock(byMs);
    machine.clock.advance(60_000);
    assert.deepEqual(machine.noticed, []);
  });
}

test('a sleep is detected with its length even if the wall clock is set back by the same time', () => {
  using machine = createMachine(HOME);
  machine.clock.sleep(3_600_000);
  machine.clock.setWallClock(-3_600_000);
  machine.clock.advance(2000);
  assert.deepEqual(machine.noticed, [3_600_000]);
});

test('a time since boot that is rounded to seconds is not taken for a sleep', () => {
  class RoundingClock extends ManualClock {
    override bootMs(): number {
      return Math.floor(super.bootMs() / 1000) * 1000;
    }
  }
  const clock = new RoundingClock();
  const noticed: number[] = [];
  using owned = new DisposableStack();
  const events = { onWakeUp: (sleptMs: number) => noticed.push(sleptMs), onNewAddress: () => {} };
  owned.use(new ConnectivityWatch({ clock, networkInterfaces }, events));
  for (let look = 0; look < 1000; look++) clock.advance(2001);
  assert.deepEqual(noticed, []);
  clock.sleep(60_000);
  clock.advance(2001);
  assert.equal(noticed.length, 1);
});

test('a system that does not report the time since boot is taken to be awake', () => {
  class MuteClock extends ManualClock {
    override bootMs(): number {
      throw new Error('uv_uptime');
    }
  }
  const clock = new MuteClock();
  const events = { onWakeUp: () => assert.fail('taken for a sleep'), onNewAddress: () => {} };
  using owned = new DisposableStack();
  owned.use(new ConnectivityWatch({ clock, networkInterfaces }, events));
  clock.advance(60_000);
});

test('the time since boot advances with the monotonic clock', async () => {
  const before = systemClock.bootMs() - systemClock.now();
  await delay(systemClock, 20);
  // The time since boot has a resolution of 10 ms or of one second.
  assert.ok(Math.abs(systemClock.bootMs() - systemClock.now() - before) < 2000);
  assert.ok(systemClock.bootMs() > systemClock.now());
});

for (const [change, after] of [
  ['another address in place of the old', { lo: LOOPBACK, eth0: addresses('198.51.100.7') }],
  ['a further IPv4 address', { ...HOME, wlan0: addresses('198.51.100.7') }],
  ['a further IPv6 address', { lo: LOOPBACK, eth0: [...HOME.eth0, ...addresses('2001:db8::8')] }],
  ['the same address on another interface', { lo: LOOPBACK, wlan0: HOME.eth0 }],
] as const) {
  test(`${change} is reported once, within two seconds`, () => {
    using machine = createMachine(HOME);
    machine.clock.advance(60_000);
    machine.connect(after as Interfaces);
    machine.clock.advance(2000);
    assert.deepEqual(machine.noticed, ['new address']);
    machine.clock.advance(60_000);
    assert.deepEqual(machine.noticed, ['new address']);
  });
}

test('a lost address is not reported, and one that returns is', () => {
  using machine = createMachine(HOME);
  machine.connect({ lo: LOOPBACK });
  machine.clock.advance(60_000);
  assert.deepEqual(machine.noticed, []);
  machine.connect(HOME);
  machine.clock.advance(2000);
  assert.deepEqual(machine.noticed, ['new address']);
});

test('loopback and link-local addresses (RFC 3927, RFC 4291 §2.5.6) are ignored', () => {
  using machine = createMachine(HOME);
  machine.connect({
    ...HOME,
    lo: [...LOOPBACK, ...addresses('10.0.0.1').map((info) => ({ ...info, internal: true }))],
    veth0: addresses('169.254.7.7', 'fe80::7', 'febf::7'),
  });
  machine.clock.advance(60_000);
  assert.deepEqual(machine.noticed, []);
});

test('a wake-up in another network is reported once', () => {
  using machine = createMachine(HOME);
  machine.clock.sleep(60_000);
  machine.connect({ lo: LOOPBACK, eth0: addresses('198.51.100.7') });
  machine.clock.advance(60_000);
  assert.deepEqual(machine.noticed, [60_000]);
});

test('a failed poll changes nothing, and the next one compares with the poll before it', () => {
  using machine = createMachine(HOME);
  machine.confuse();
  machine.clock.advance(60_000);
  machine.connect(HOME);
  machine.clock.advance(2000);
  assert.deepEqual(machine.noticed, []);
  machine.connect({ ...HOME, wlan0: addresses('198.51.100.7') });
  machine.clock.advance(2000);
  assert.deepEqual(machine.noticed, ['new address']);
});

test('disposal leaves no timer', () => {
  const clock = new ManualClock();
  const events = { onWakeUp: () => {}, onNewAddress: () => {} };
  new ConnectivityWatch({ clock, networkInterfaces }, events)[Symbol.dispose]();
  assert.equal(clock.pendingTimers, 0);
});
