import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BootstrapWatch } from '../../../src/tor/control/bootstrap-watch.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';
import { ONLINE } from '../surroundings.ts';

const CONNECTING = 'STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=5 TAG=conn SUMMARY="Connecting to a relay"';
const LOADING = 'STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=30 TAG=loading_status SUMMARY="Loading"';
const DONE = 'STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=100 TAG=done SUMMARY="Done"';
const SKEW = 'STATUS_GENERAL WARN CLOCK_SKEW SKEW=-259200 SOURCE=CONSENSUS';

interface Rig extends Disposable {
  readonly clock: ManualClock;
  readonly watch: BootstrapWatch;
  /** Each event: the code and the seconds, or `on` and the seconds. */
  readonly events: string[];
  setNetwork(isUp: boolean): void;
}

function create(): Rig {
  const clock = new ManualClock();
  const events: string[] = [];
  let hasNetwork = true;
  const watch = new BootstrapWatch({
    clock,
    surroundings: { ...ONLINE, hasNetwork: () => hasNetwork },
    events: {
      onStuck: ({ code }, stuckMs) => events.push(`${code} ${stuckMs / 1000}`),
      onUnstuck: (stuckMs, percent) => events.push(`on ${stuckMs / 1000} at ${percent}`),
    },
  });
  return {
    clock,
    watch,
    events,
    setNetwork(isUp) {
      hasNetwork = isUp;
    },
    [Symbol.dispose]: () => watch[Symbol.dispose](),
  };
}

test('20 s without progress is stuck, even if Tor reports nothing at all', () => {
  using rig = create();
  rig.clock.advance(19_999);
  assert.deepEqual([rig.events, rig.watch.trouble], [[], undefined]);
  rig.clock.advance(1);
  assert.deepEqual(rig.events, ['ERR_TOR_BLOCKED 20']);
  assert.equal(rig.watch.trouble?.code, 'ERR_TOR_BLOCKED');
});

test('each step of progress gives Tor another 20 s, a repeated one does not', () => {
  using rig = create();
  rig.clock.advance(15_000);
  rig.watch.observe([CONNECTING], false);
  rig.clock.advance(15_000);
  rig.watch.observe([CONNECTING], false);
  rig.clock.advance(5_000);
  assert.deepEqual(rig.events, ['ERR_TOR_BLOCKED 20']);
});

test('the warning is repeated at growing intervals of up to an hour', () => {
  using rig = create();
  for (let minute = 0; minute < 200; minute++) rig.clock.advance(60_000);
  const seconds = rig.events.map((event) => Number(event.split(' ')[1]));
  const pauses = seconds.slice(1).map((second, index) => (second - seconds[index]!) / 60);
  assert.deepEqual(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
});

test('progress ends the trouble in one event, and later trouble starts anew', () => {
  using rig = create();
  rig.clock.advance(25_000);
  rig.watch.observe([LOADING], false);
  assert.equal(rig.watch.trouble, undefined);
  rig.clock.advance(20_000);
  rig.watch.observe([DONE], true);
  rig.clock.advance(1_000_000);
  assert.deepEqual(rig.events, ['ERR_TOR_BLOCKED 20', 'on 25 at 30', 'ERR_TOR_STUCK 20', 'on 20 at 100']);
});

test('a wrong clock is named after 5 s, unless Tor goes on despite it', () => {
  using rig = create();
  rig.clock.advance(1_000);
  rig.watch.observe([SKEW], false);
  rig.watch.observe([CONNECTING], false);
  rig.clock.advance(6_000);
  assert.deepEqual(rig.events, []);
  rig.watch.observe([LOADING], false);
  rig.watch.observe([SKEW], false);
  rig.clock.advance(4_999);
  assert.deepEqual(rig.events, []);
  rig.clock.advance(1);
  assert.deepEqual(rig.events, ['ERR_TOR_CLOCK 5']);
});

test('evidence that comes later changes the reason at once', () => {
  using rig = create();
  rig.clock.advance(20_000);
  rig.watch.observe([SKEW], false);
  rig.watch.observe([SKEW], false);
  assert.deepEqual(rig.events, ['ERR_TOR_BLOCKED 20', 'ERR_TOR_CLOCK 20']);
  assert.equal(rig.watch.trouble?.code, 'ERR_TOR_CLOCK');
});

test('a network that comes back is a new reason at the next event', () => {
  using rig = create();
  rig.setNetwork(false);
  rig.clock.advance(20_000);
  rig.setNetwork(true);
  rig.watch.observe(['ORCONN $AAAA LAUNCHED ID=9'], false);
  assert.deepEqual(rig.events, ['ERR_TOR_OFFLINE 20', 'ERR_TOR_BLOCKED 20']);
});

test('a Tor that loses its circuits is stuck 20 s later', () => {
  using rig = create();
  rig.watch.observe([DONE], true);
  rig.clock.advance(100_000);
  rig.watch.observe(['STATUS_CLIENT NOTICE CIRCUIT_NOT_ESTABLISHED REASON=CLOCK_JUMPED'], false);
  rig.clock.advance(19_999);
  assert.deepEqual(rig.events, []);
  rig.clock.advance(1);
  assert.deepEqual(rig.events, ['ERR_TOR_STUCK 20']);
});

test('after its end it reports nothing', () => {
  const rig = create();
  rig[Symbol.dispose]();
  rig.clock.advance(100_000);
  assert.deepEqual(rig.events, []);
});
