import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSeededRandom } from '../../../bench/onion/seeded-random.ts';
import { AlternativeServices, type AlternativeTarget } from '../../../src/upstream/alt-svc/alternative-services.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';
import { createOnionKey } from '../../fixtures/tor/onion-key.ts';

const DAY_SECONDS = 86_400;
const HOUR_MS = 3_600_000;
const ONIONS = Array.from({ length: 10 }, () => createOnionKey().address);
const [FIRST = '', SECOND = ''] = ONIONS;

interface Setup {
  readonly clock: ManualClock;
  readonly services: AlternativeServices;
  /** Counts passed to onDiscovered. */
  readonly discovered: number[];
  /** Applies an Alt-Svc value from a response of the name. */
  readonly say: (fieldValue: string, ageSeconds?: number) => void;
  /** Hosts of the next choices; empty for the name. */
  readonly hosts: (count: number) => string[];
}

function setUp(seed = 1): Setup {
  const clock = new ManualClock();
  const discovered: number[] = [];
  const onDiscovered = (count: number): void => void discovered.push(count);
  const services = new AlternativeServices({ clock, random: createSeededRandom(seed), onDiscovered });
  return {
    clock,
    services,
    discovered,
    say: (fieldValue, ageSeconds = 0) => services.update(fieldValue, ageSeconds, undefined),
    hosts: (count) => Array.from({ length: count }, () => services.choose()?.host ?? ''),
  };
}

function offer(hosts: readonly string[], parameters = ''): string {
  return hosts.map((host) => `h2="${host}:443"${parameters}`).join(', ');
}

function target(host: string): AlternativeTarget {
  return { host, port: 443 };
}

test('before any discovery, and after clear, connections go to the name', () => {
  const { services, say } = setUp();
  assert.equal(services.choose(), undefined);
  say(offer(ONIONS));
  assert.notEqual(services.choose(), undefined);
  say('clear');
  assert.equal(services.choose(), undefined);
  assert.equal(services.freshCount, 0);
});

test('each of ten onions is chosen once before any is chosen again', () => {
  const { say, hosts } = setUp();
  say(offer(ONIONS));
  assert.deepEqual(hosts(10).toSorted(), ONIONS.toSorted());
  assert.deepEqual(hosts(10).toSorted(), ONIONS.toSorted());
});

test('the order of choices differs between clients and between rounds', () => {
  const [one, other] = [setUp(1), setUp(2)];
  one.say(offer(ONIONS));
  other.say(offer(ONIONS));
  const firstRound = one.hosts(10);
  assert.notDeepEqual(firstRound, other.hosts(10));
  assert.notDeepEqual(firstRound, one.hosts(10));
});

test('an alternative is chosen until ma has passed since the response was generated', () => {
  const { clock, services, say } = setUp();
  say(offer([FIRST], '; ma=600'), 200);
  clock.advance(399_999);
  assert.equal(services.choose()?.host, FIRST);
  clock.advance(1);
  assert.equal(services.choose(), undefined);
  assert.equal(services.freshCount, 0);
});

test('each response of the name renews the lifetime', () => {
  const { clock, services, say } = setUp();
  say(offer([FIRST], '; ma=600'));
  clock.advance(500_000);
  say(offer([FIRST], '; ma=600'));
  clock.advance(500_000);
  assert.equal(services.choose()?.host, FIRST);
});

test('ma=0 and an age above ma expire an alternative', () => {
  const { services, say } = setUp();
  say(offer([FIRST]));
  say(offer([FIRST], '; ma=0'));
  assert.equal(services.choose(), undefined);
  say(offer([FIRST], '; ma=60'), 61);
  assert.equal(services.choose(), undefined);
});

test('an alternative is used for at most a day, whatever ma says', () => {
  const { clock, services, say } = setUp();
  say(offer([FIRST], '; ma=999999999999999999999'));
  clock.advance(DAY_SECONDS * 1000 - 1);
  assert.equal(services.choose()?.host, FIRST);
  clock.advance(1);
  assert.equal(services.choose(), undefined);
});

test('a new field value replaces the previous one', () => {
  const { services, say } = setUp();
  say(offer([FIRST]));
  say(offer([SECOND]));
  assert.equal(services.freshCount, 1);
  assert.equal(services.choose()?.host, SECOND);
  say('h3=":443"');
  assert.equal(services.choose(), undefined);
});

test('an alternative can end its lifetime, but neither prolong it nor announce others', () => {
  const { clock, services, say } = setUp();
  say(offer([FIRST], '; ma=600'));
  services.update(offer([FIRST], '; ma=6000'), 0, target(FIRST));
  services.update(offer([SECOND]), 0, target(FIRST));
  assert.equal(services.choose()?.host, FIRST);
  assert.equal(services.freshCount, 1);
  services.update('clear', 0, target(FIRST));
  assert.equal(services.choose(), undefined);
  say(offer([FIRST], '; ma=600'));
  services.update(offer([FIRST], '; ma=600'), 0, target(FIRST));
  clock.advance(600_000);
  assert.equal(services.choose(), undefined);
});

test('failed alternatives are skipped, and when all have failed, the name is used', () => {
  const { services, say } = setUp();
  say(offer([FIRST, SECOND]));
  services.recordFailure(target(FIRST));
  assert.equal(services.choose()?.host, SECOND);
  assert.equal(services.choose()?.host, SECOND);
  services.recordFailure(target(SECOND));
  assert.equal(services.choose(), undefined);
  assert.equal(services.freshCount, 2);
});

test('consecutive failures double the pause up to an hour, and jitter takes off up to half', () => {
  const { clock, services, say } = setUp();
  const pauses = [60_000, 120_000, 240_000, 480_000, 960_000, 1_920_000, HOUR_MS, HOUR_MS];
  for (const pause of pauses) {
    say(offer([FIRST]));
    services.recordFailure(target(FIRST));
    clock.advance(pause / 2 - 1);
    assert.equal(services.choose(), undefined);
    clock.advance(pause / 2 + 1);
    assert.equal(services.choose()?.host, FIRST);
  }
  services.recordFailure(target(FIRST));
  services.recordSuccess(target(FIRST));
  assert.equal(services.choose()?.host, FIRST);
  services.recordFailure(target(FIRST));
  clock.advance(60_000);
  assert.equal(services.choose()?.host, FIRST);
});

test('a new field value that contains the onion keeps its failure', () => {
  const { services, say } = setUp();
  say(offer([FIRST]));
  services.recordFailure(target(FIRST));
  say(offer([FIRST, SECOND]));
  assert.equal(services.choose()?.host, SECOND);
  assert.equal(services.choose()?.host, SECOND);
});

test('outcomes of an alternative that is no longer known have no effect', () => {
  const { services, say } = setUp();
  say(offer([FIRST]));
  services.recordFailure(target(SECOND));
  services.recordSuccess(target(SECOND));
  assert.equal(services.choose()?.host, FIRST);
});

test('a change of network keeps persistent alternatives, and the others can be discovered again', () => {
  const { services, say } = setUp();
  const header = `${offer([FIRST])}, ${offer([SECOND], '; persist=1')}`;
  say(header);
  services.networkChanged();
  assert.equal(services.freshCount, 1);
  assert.equal(services.choose()?.host, SECOND);
  say(header);
  assert.equal(services.freshCount, 2);
});

test('a discovery is reported when there were no fresh alternatives before', () => {
  const { clock, discovered, say } = setUp();
  say('clear');
  say(offer(ONIONS, '; ma=60'));
  say(offer(ONIONS, '; ma=60'));
  say(offer([FIRST], '; ma=60'));
  clock.advance(60_000);
  say(offer([FIRST], '; ma=60'));
  assert.deepEqual(discovered, [10, 1]);
});
