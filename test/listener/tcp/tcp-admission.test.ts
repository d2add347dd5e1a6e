import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type AdmittedConnection,
  type PendingConnection,
  TcpAdmission,
} from '../../../src/listener/tcp/tcp-admission.ts';
import { LOCAL_GROUP } from '../../../src/model/client-group.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';

type State = 'pending' | 'open' | 'ended' | 'evicted' | 'refused';

/** A connection without a socket. It stands for both the pending and the admitted connection. */
class Connection implements AdmittedConnection, PendingConnection<Connection> {
  readonly #listener: Listener;
  readonly group: string;
  state: State = 'pending';
  idleSince = 0;
  busy = false;

  constructor(listener: Listener, group: string) {
    this.#listener = listener;
    this.group = group;
  }

  admit(): Connection {
    this.state = 'open';
    this.idleSince = this.#listener.clock.now();
    return this;
  }

  refuse(): void {
    this.state = 'refused';
  }

  end(): void {
    this.state = 'ended';
  }

  evict(): void {
    this.state = 'evicted';
  }

  ask(): void {
    this.busy = true;
    this.#use();
  }

  answer(): void {
    this.busy = false;
    this.#use();
  }

  leave(): void {
    this.#listener.admission.remove(this);
  }

  #use(): void {
    this.idleSince = this.#listener.clock.now();
    this.#listener.admission.used(this);
  }
}

class Listener {
  readonly clock = new ManualClock();
  readonly admission: TcpAdmission<Connection>;
  evicted = 0;

  constructor(connections: number, connectionsPerClient: number, idleMs = 10_000) {
    this.admission = new TcpAdmission(this.clock, { connections, connectionsPerClient, idleMs }, () => this.evicted++);
  }

  arrive(group: string): Connection {
    const connection = new Connection(this, group);
    this.admission.add(connection);
    return connection;
  }

  fill(group: string, count: number, busy = false): Connection[] {
    return Array.from({ length: count }, () => {
      const connection = this.arrive(group);
      if (busy) connection.ask();
      return connection;
    });
  }
}

const states = (connections: readonly Connection[]): State[] => connections.map(({ state }) => state);
const count = (connections: readonly Connection[], wanted: State): number =>
  connections.filter(({ state }) => state === wanted).length;

test('twenty silent local connections do not keep other local programs out', () => {
  const listener = new Listener(150, 20);
  listener.fill(LOCAL_GROUP, 20);
  assert.deepEqual(states(listener.fill(LOCAL_GROUP, 60)), Array(60).fill('open'));
});

test('a new client gets a slot though ten addresses hold them all, and so does the next', () => {
  const listener = new Listener(150, 20);
  for (let i = 0; i < 10; i++) listener.fill(`hostile ${i}`, 16);
  listener.clock.advance(200);
  const later = ['a', 'a', 'b', 'c'].map((group) => listener.arrive(group));
  assert.equal(count(later, 'open'), 4);
  for (let i = 0; i < 10; i++) listener.fill(`hostile ${i}`, 16);
  listener.clock.advance(200);
  assert.equal(count(later, 'open'), 4);
});

test('if all connections are busy, a client with more loses slots to one with fewer until both have as many', () => {
  const listener = new Listener(8, 8);
  const greedy = listener.fill('greedy', 8, true);
  listener.clock.advance(200);
  const others = listener.fill('other', 6, true);
  listener.clock.advance(200);
  assert.equal(count(greedy, 'evicted'), 4);
  assert.deepEqual(states(others), ['open', 'open', 'open', 'open', 'pending', 'pending']);
});

test('clients on the network leave half of the slots to local programs', () => {
  const listener = new Listener(100, 20);
  const local = listener.fill(LOCAL_GROUP, 100, true);
  listener.clock.advance(200);
  for (let i = 0; i < 30; i++) listener.fill(`remote ${i}`, 20, true);
  listener.clock.advance(200);
  assert.ok(count(local, 'open') >= 50);
  const programs = listener.fill(LOCAL_GROUP, 5, true);
  listener.clock.advance(200);
  assert.ok(count([...local, ...programs], 'open') >= 50);
});

test('an idle connection is evicted before a busy one, even of a client with fewer', () => {
  const listener = new Listener(4, 4);
  const busy = listener.fill('greedy', 3, true);
  const idle = listener.arrive('modest');
  listener.clock.advance(200);
  assert.equal(listener.arrive('other').state, 'open');
  assert.equal(idle.state, 'evicted');
  assert.equal(count(busy, 'open'), 3);
});

test('a client loses its least recently used connection', () => {
  const listener = new Listener(3, 3);
  const [first, second, third] = listener.fill('client', 3) as [Connection, Connection, Connection];
  listener.clock.advance(100);
  first.ask();
  listener.clock.advance(100);
  first.answer();
  second.ask();
  listener.clock.advance(200);
  listener.arrive('client');
  listener.clock.advance(50);
  assert.deepEqual(states([first, second, third]), ['open', 'open', 'evicted']);
  listener.arrive('client');
  listener.clock.advance(50);
  assert.deepEqual(states([first, second, third]), ['evicted', 'open', 'evicted']);
});

test('the idle time is as configured until half of the slots are in use, then shrinks to half a second', () => {
  const listener = new Listener(100, 100);
  assert.equal(listener.admission.idleMs, 10_000);
  listener.fill('a', 50);
  assert.equal(listener.admission.idleMs, 10_000);
  listener.fill('a', 25);
  assert.equal(listener.admission.idleMs, 5250);
  listener.fill('a', 25);
  assert.equal(listener.admission.idleMs, 500);
});

test('the lower bound does not extend a shorter configured idle time', () => {
  const listener = new Listener(10, 10, 200);
  listener.fill('a', 10);
  assert.equal(listener.admission.idleMs, 200);
});

test('as slots fill up, idle connections are closed, and those in use or awaiting an answer are not', () => {
  const listener = new Listener(10, 10);
  const [asking, waiting, ...silent] = listener.fill('a', 8) as [Connection, Connection, ...Connection[]];
  waiting.ask();
  const { idleMs } = listener.admission;
  for (let elapsed = 0; elapsed <= idleMs; elapsed += 500) {
    asking.ask();
    asking.answer();
    assert.equal(count(silent, 'open'), silent.length);
    listener.clock.advance(500);
  }
  assert.deepEqual(states([asking, waiting]), ['open', 'open']);
  assert.equal(count(silent, 'ended'), silent.length);
});

test('pending connections are admitted when a slot is free, the client with fewer first', () => {
  const listener = new Listener(4, 3);
  const admitted = [...listener.fill('a', 2, true), ...listener.fill('b', 2, true)];
  const [ofA, ofC] = [listener.arrive('a'), listener.arrive('c')];
  assert.deepEqual(states([ofA, ofC]), ['pending', 'pending']);
  admitted[0]?.leave();
  listener.clock.advance(50);
  assert.deepEqual(states([ofA, ofC]), ['pending', 'open']);
  ofC.ask();
  admitted[2]?.leave();
  listener.clock.advance(50);
  assert.equal(ofA.state, 'open');
});

test('after a stall of the event loop, no connection is evicted before its query could be read', () => {
  const listener = new Listener(2, 2);
  const [first] = listener.fill('a', 2) as [Connection, Connection];
  // The event loop did nothing else meanwhile.
  listener.clock.stall(5000);
  const later = listener.arrive('a');
  assert.deepEqual(states([first, later]), ['open', 'pending']);
  listener.clock.advance(50);
  assert.deepEqual(states([first, later]), ['evicted', 'open']);
});

test('beyond 511 pending connections, the client with most loses its longest pending one', () => {
  const listener = new Listener(1, 1);
  listener.fill('a', 1, true);
  const other = listener.arrive('b');
  const waiting = listener.fill('a', 600);
  assert.equal(count(waiting, 'pending'), 510);
  assert.equal(waiting[0]?.state, 'refused');
  assert.equal(other.state, 'pending');
});

test('a connection that has been pending for too long is refused', () => {
  const listener = new Listener(1, 1);
  const [busy] = listener.fill('a', 1, true);
  const late = listener.arrive('a');
  listener.clock.advance(11_000);
  assert.equal(late.state, 'refused');
  busy?.leave();
  listener.clock.advance(1000);
  assert.equal(listener.clock.pendingTimers, 0);
});

test('closing refuses pending connections and leaves no timer', () => {
  const listener = new Listener(1, 1);
  listener.fill('a', 1, true);
  const waiting = listener.arrive('b');
  listener.admission.close();
  assert.equal(waiting.state, 'refused');
  assert.equal(listener.arrive('c').state, 'refused');
  assert.equal(listener.clock.pendingTimers, 0);
});

test('in any sequence of events, no limit is exceeded, none is pending while there is room, and nothing is left behind', () => {
  const step = fc.record({
    what: fc.constantFrom('arrive', 'ask', 'answer', 'leave', 'advance'),
    who: fc.nat({ max: 5 }),
    which: fc.nat({ max: 40 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const listener = new Listener(6, 3);
      const connections: Connection[] = [];
      for (const { what, who, which } of steps) {
        const connection = connections[which];
        if (what === 'arrive') connections.push(listener.arrive(who === 0 ? LOCAL_GROUP : `client ${who}`));
        else if (what === 'advance') listener.clock.advance(20 * which);
        else if (connection?.state !== 'open' && connection?.state !== 'ended') continue;
        else if (what === 'leave') {
          connection.leave();
          connection.state = 'evicted';
        } else connection[what]();
        const admitted = connections.filter(({ state }) => state === 'open' || state === 'ended');
        assert.equal(listener.admission.admitted.length, admitted.length);
        assert.ok(admitted.length <= 6);
        for (let client = 1; client <= 5; client++) {
          assert.ok(admitted.filter(({ group }) => group === `client ${client}`).length <= 3);
        }
      }
      listener.clock.advance(100);
      const admitted = connections.filter(({ state }) => state === 'open' || state === 'ended');
      const hasRoom = ({ group }: Connection): boolean =>
        admitted.length < 6 && (group === LOCAL_GROUP || admitted.filter((other) => other.group === group).length < 3);
      assert.equal(connections.filter((connection) => connection.state === 'pending' && hasRoom(connection)).length, 0);
      for (const connection of admitted) connection.leave();
      listener.clock.advance(20_000);
      for (const connection of listener.admission.admitted) connection.leave();
      listener.clock.advance(20_000);
      assert.equal(listener.clock.pendingTimers, 0);
    }),
  );
});
