import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ErrorCode } from '../../src/failures/failures.ts';
import { LOCAL_GROUP } from '../../src/model/client-group.ts';
import { Admission, type AdmissionInit, type Slot } from '../../src/resolver/admission.ts';
import { decodeReply, ask as receive } from '../fixtures/dns/messages.ts';
import { createResolver, UpstreamDouble } from './harness.ts';

type Outcome = 'in' | ErrorCode;

/** An admission control and the slots that it has given and not preempted. */
class Waiters {
  readonly #admission: Admission;
  readonly #slots: Slot[] = [];

  constructor(init: AdmissionInit) {
    this.#admission = new Admission(init);
  }

  admit(group: string): Outcome {
    const slot = this.#admission.admit(group, () => this.#slots.splice(this.#slots.indexOf(slot as Slot), 1));
    if (typeof slot === 'string') return slot;
    this.#slots.push(slot);
    return 'in';
  }

  /** Number of queries admitted out of this many. */
  fill(group: string, count: number): number {
    return Array.from({ length: count }, () => this.admit(group)).filter((outcome) => outcome === 'in').length;
  }

  release(group: string): void {
    const [slot] = this.#slots.splice(
      this.#slots.findIndex((each) => each.group === group),
      1,
    );
    if (slot !== undefined) this.#admission.release(slot);
  }

  count(group: string): number {
    return this.#slots.filter((slot) => slot.group === group).length;
  }

  get all(): number {
    return this.#slots.length;
  }
}

test('a client at its limit is refused, and others are not', () => {
  const waiters = new Waiters({ maxInFlight: 10, maxInFlightPerClient: 2 });
  assert.equal(waiters.admit('a'), 'in');
  assert.equal(waiters.admit('a'), 'in');
  assert.equal(waiters.admit('a'), 'ERR_IN_FLIGHT_CLIENT');
  assert.equal(waiters.admit('b'), 'in');
});

test('at the total limit, every client is refused if no client has two slots', () => {
  const waiters = new Waiters({ maxInFlight: 2, maxInFlightPerClient: 2 });
  assert.equal(waiters.admit('a'), 'in');
  assert.equal(waiters.admit('b'), 'in');
  assert.equal(waiters.admit('c'), 'ERR_IN_FLIGHT');
});

test('a released slot is free again, and a refusal takes none', () => {
  const waiters = new Waiters({ maxInFlight: 1, maxInFlightPerClient: 1 });
  for (let round = 0; round < 3; round++) {
    assert.equal(waiters.admit('a'), 'in');
    assert.equal(waiters.admit('a'), 'ERR_IN_FLIGHT_CLIENT');
    assert.equal(waiters.admit('b'), 'ERR_IN_FLIGHT');
    waiters.release('a');
  }
});

test('five greedy clients leave slots for a sixth, and for the programs of this machine', () => {
  const waiters = new Waiters({ maxInFlight: 1024, maxInFlightPerClient: 256 });
  for (const greedy of ['a', 'b', 'c', 'd', 'e']) waiters.fill(greedy, 1000);
  assert.ok(waiters.all < 1024);
  assert.equal(waiters.admit('f'), 'in');
  assert.equal(waiters.fill(LOCAL_GROUP, 200), 200);
});

test('greedy clients with equal rates get equal shares, and as much stays free', () => {
  const waiters = new Waiters({ maxInFlight: 600, maxInFlightPerClient: 256 });
  const greedy = ['a', 'b', 'c', 'd', 'e'];
  for (let round = 0; round < 600; round++) for (const client of greedy) waiters.admit(client);
  for (const client of greedy) assert.ok(Math.abs(waiters.count(client) - 100) <= 2, client);
});

test('a client without slots preempts the client with most, for any number of clients', () => {
  const waiters = new Waiters({ maxInFlight: 64, maxInFlightPerClient: 32 });
  for (let client = 0; client < 20; client++) waiters.fill(`greedy ${client}`, 32);
  assert.equal(waiters.all, 64);
  const most = Math.max(...Array.from({ length: 20 }, (_, client) => waiters.count(`greedy ${client}`)));
  assert.ok(most > 1);
  assert.equal(waiters.admit('newcomer'), 'in');
  assert.equal(waiters.all, 64);
  assert.equal(waiters.count('newcomer'), 1);
});

test('a burst after greedy clients gets its share, in any order of the others', () => {
  for (const greedy of [5, 7, 10]) {
    const waiters = new Waiters({ maxInFlight: 1024, maxInFlightPerClient: 256 });
    for (let client = 0; client < greedy; client++) waiters.fill(`greedy ${client}`, 256);
    assert.equal(waiters.fill('victim', 60), 60, `beside ${greedy}`);
    assert.equal(waiters.count('victim'), 60);
  }
});

test('one client alone may reach its limit, and this machine half of all slots', () => {
  const waiters = new Waiters({ maxInFlight: 1024, maxInFlightPerClient: 256 });
  assert.equal(waiters.fill('a', 2000), 256);
  assert.equal(waiters.fill(LOCAL_GROUP, 2000), 512);
});

test('no limit is ever exceeded, and a new client is refused only if every client has at most one slot', () => {
  const step = fc.record({ enters: fc.boolean(), who: fc.nat({ max: 9 }), times: fc.integer({ min: 1, max: 6 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const waiters = new Waiters({ maxInFlight: 8, maxInFlightPerClient: 4 });
      const nameOf = (who: number): string => (who === 0 ? LOCAL_GROUP : `client ${who}`);
      for (const { enters, who, times } of steps) {
        const name = nameOf(who);
        for (let i = 0; i < times; i++) {
          const had = waiters.count(name);
          if (!enters && had > 0) waiters.release(name);
          if (!enters) continue;
          const outcome = waiters.admit(name);
          if (had > 0 || outcome === 'in') continue;
          for (let other = 1; other <= 9; other++) assert.ok(waiters.count(nameOf(other)) <= 1);
        }
        assert.ok(waiters.all <= 8);
        for (let other = 0; other <= 9; other++) assert.ok(waiters.count(nameOf(other)) <= 4);
      }
    }),
  );
});

test('a preempted query is answered at once and counted', async () => {
  const upstream = new UpstreamDouble();
  const resolver = createResolver(upstream, { init: { maxInFlight: 4, maxInFlightPerClient: 2 } });
  upstream.answer = () => new Promise(() => {});
  const from = (client: string, name: string): Uint8Array | Promise<Uint8Array> =>
    resolver.handle({ ...receive({ name }), client, arrivedAt: resolver.clock.now() });
  const first = from('192.0.2.1', 'one.example');
  void from('192.0.2.1', 'two.example');
  void from('192.0.2.2', 'three.example');
  void from('192.0.2.3', 'four.example');
  void from('192.0.2.4', 'five.example');
  const reply = decodeReply(await first);
  assert.equal(reply.rcode, 'SERVFAIL');
  assert.equal(
    resolver.counters.totals.notAdmitted.entries().find(({ labels }) => labels['reason'] === 'client')?.count,
    1,
  );
});

test('a query that is not admitted is counted by the limit reached, with and without an expired answer', async () => {
  const upstream = new UpstreamDouble();
  const resolver = createResolver(upstream, { init: { maxInFlight: 2, maxInFlightPerClient: 1 } });
  const counted = (): number[] => resolver.counters.totals.notAdmitted.entries().map(({ count }) => count);
  await resolver.ask({ name: 'expired.example' });
  resolver.clock.advance(300_000);
  upstream.answer = () => new Promise(() => {});
  const from = (client: string, name: string): Uint8Array | Promise<Uint8Array> =>
    resolver.handle({ ...receive({ name }), client, arrivedAt: resolver.clock.now() });
  void from('a', 'one.example');
  await from('a', 'two.example');
  assert.deepEqual(counted(), [0, 1]);
  void from('b', 'three.example');
  await from('c', 'four.example');
  assert.deepEqual(counted(), [1, 1]);
  await from('c', 'expired.example');
  assert.deepEqual(counted(), [2, 1]);
});
