import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LOCAL_GROUP } from '../../../src/model/client-group.ts';
import { type Newcomer, type Seated, TcpPlaces } from '../../../src/listener/tcp/tcp-places.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';

type State = 'waiting' | 'open' | 'ended' | 'gave way' | 'refused';

/** A connection without a socket. */
class Guest implements Seated, Newcomer<Guest> {
  readonly #room: Room;
  readonly group: string;
  state: State = 'waiting';
  idleSince = 0;
  busy = false;

  constructor(room: Room, group: string) {
    this.#room = room;
    this.group = group;
  }

  open(): Guest {
    this.state = 'open';
    this.idleSince = this.#room.clock.now();
    return this;
  }

  refuse(): void {
    this.state = 'refused';
  }

  end(): void {
    this.state = 'ended';
  }

  giveWay(): void {
    this.state = 'gave way';
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
    this.#room.places.left(this);
  }

  #use(): void {
    this.idleSince = this.#room.clock.now();
    this.#room.places.used(this);
  }
}

class Room {
  readonly clock = new ManualClock();
  readonly places: TcpPlaces<Guest>;
  gaveWay = 0;

  constructor(places: number, placesPerClient: number, idleMs = 10_000) {
    this.places = new TcpPlaces(this.clock, { places, placesPerClient, idleMs }, () => this.gaveWay++);
  }

  arrive(group: string): Guest {
    const guest = new Guest(this, group);
    this.places.arrive(guest);
    return guest;
  }

  fill(group: string, count: number, busy = false): Guest[] {
    return Array.from({ length: count }, () => {
      const guest = this.arrive(group);
      if (busy) guest.ask();
      return guest;
    });
  }
}

const states = (guests: readonly Guest[]): State[] => guests.map(({ state }) => state);
const count = (guests: readonly Guest[], wanted: State): number =>
  guests.filter(({ state }) => state === wanted).length;

test('twenty silent connections of this machine keep none of its other programs out', () => {
  const room = new Room(150, 20);
  room.fill(LOCAL_GROUP, 20);
  assert.deepEqual(states(room.fill(LOCAL_GROUP, 60)), Array(60).fill('open'));
});

test('a newcomer gets a place from ten addresses that have them all, and so does the next', () => {
  const room = new Room(150, 20);
  for (let i = 0; i < 10; i++) room.fill(`hostile ${i}`, 16);
  room.clock.advance(200);
  const newcomers = ['a', 'a', 'b', 'c'].map((group) => room.arrive(group));
  assert.equal(count(newcomers, 'open'), 4);
  for (let i = 0; i < 10; i++) room.fill(`hostile ${i}`, 16);
  room.clock.advance(200);
  assert.equal(count(newcomers, 'open'), 4);
});

test('if all connections are busy, a client with more gives way to one with fewer, until they are equal', () => {
  const room = new Room(8, 8);
  const greedy = room.fill('greedy', 8, true);
  room.clock.advance(200);
  const others = room.fill('other', 6, true);
  room.clock.advance(200);
  assert.equal(count(greedy, 'gave way'), 4);
  assert.deepEqual(states(others), ['open', 'open', 'open', 'open', 'waiting', 'waiting']);
});

test('the clients of a network leave the programs of this machine half of the places', () => {
  const room = new Room(100, 20);
  const local = room.fill(LOCAL_GROUP, 100, true);
  room.clock.advance(200);
  for (let i = 0; i < 30; i++) room.fill(`remote ${i}`, 20, true);
  room.clock.advance(200);
  assert.ok(count(local, 'open') >= 50);
  const programs = room.fill(LOCAL_GROUP, 5, true);
  room.clock.advance(200);
  assert.ok(count([...local, ...programs], 'open') >= 50);
});

test('an idle connection gives way before a busy one, whoever has more', () => {
  const room = new Room(4, 4);
  const busy = room.fill('greedy', 3, true);
  const idle = room.arrive('modest');
  room.clock.advance(200);
  assert.equal(room.arrive('other').state, 'open');
  assert.equal(idle.state, 'gave way');
  assert.equal(count(busy, 'open'), 3);
});

test('the least recently used connection of a client gives way', () => {
  const room = new Room(3, 3);
  const [first, second, third] = room.fill('client', 3) as [Guest, Guest, Guest];
  room.clock.advance(100);
  first.ask();
  room.clock.advance(100);
  first.answer();
  second.ask();
  room.clock.advance(200);
  room.arrive('client');
  room.clock.advance(50);
  assert.deepEqual(states([first, second, third]), ['open', 'open', 'gave way']);
  room.arrive('client');
  room.clock.advance(50);
  assert.deepEqual(states([first, second, third]), ['gave way', 'open', 'gave way']);
});

test('the idle time is as configured until half of the places are taken, and shrinks to half a second', () => {
  const room = new Room(100, 100);
  assert.equal(room.places.idleMs, 10_000);
  room.fill('a', 50);
  assert.equal(room.places.idleMs, 10_000);
  room.fill('a', 25);
  assert.equal(room.places.idleMs, 5250);
  room.fill('a', 25);
  assert.equal(room.places.idleMs, 500);
});

test('a short idle time is not made longer', () => {
  const room = new Room(10, 10, 200);
  room.fill('a', 10);
  assert.equal(room.places.idleMs, 200);
});

test('as the table fills, connections idle for too long are closed, and those that ask or wait are not', () => {
  const room = new Room(10, 10);
  const [asking, waiting, ...silent] = room.fill('a', 8) as [Guest, Guest, ...Guest[]];
  waiting.ask();
  const { idleMs } = room.places;
  for (let elapsed = 0; elapsed <= idleMs; elapsed += 500) {
    asking.ask();
    asking.answer();
    assert.equal(count(silent, 'open'), silent.length);
    room.clock.advance(500);
  }
  assert.deepEqual(states([asking, waiting]), ['open', 'open']);
  assert.equal(count(silent, 'ended'), silent.length);
});

test('waiting newcomers are admitted as soon as a place is free, the client with fewer first', () => {
  const room = new Room(4, 3);
  const seated = [...room.fill('a', 2, true), ...room.fill('b', 2, true)];
  const [ofA, ofC] = [room.arrive('a'), room.arrive('c')];
  assert.deepEqual(states([ofA, ofC]), ['waiting', 'waiting']);
  seated[0]?.leave();
  room.clock.advance(50);
  assert.deepEqual(states([ofA, ofC]), ['waiting', 'open']);
  ofC.ask();
  seated[2]?.leave();
  room.clock.advance(50);
  assert.equal(ofA.state, 'open');
});

test('however much time has passed, no connection gives way before its query could be read', () => {
  const room = new Room(2, 2);
  const [first] = room.fill('a', 2) as [Guest, Guest];
  // The event loop did nothing else meanwhile.
  room.clock.stall(5000);
  const newcomer = room.arrive('a');
  assert.deepEqual(states([first, newcomer]), ['open', 'waiting']);
  room.clock.advance(50);
  assert.deepEqual(states([first, newcomer]), ['gave way', 'open']);
});

test('as many newcomers wait as in a backlog; beyond that, the client with most loses the one that has waited longest', () => {
  const room = new Room(1, 1);
  room.fill('a', 1, true);
  const other = room.arrive('b');
  const waiting = room.fill('a', 600);
  assert.equal(count(waiting, 'waiting'), 510);
  assert.equal(waiting[0]?.state, 'refused');
  assert.equal(other.state, 'waiting');
});

test('no newcomer waits for longer than its client does', () => {
  const room = new Room(1, 1);
  const [busy] = room.fill('a', 1, true);
  const late = room.arrive('a');
  room.clock.advance(11_000);
  assert.equal(late.state, 'refused');
  busy?.leave();
  room.clock.advance(1000);
  assert.equal(room.clock.pendingTimers, 0);
});

test('when the listener closes, waiting newcomers are refused and no timer is left', () => {
  const room = new Room(1, 1);
  room.fill('a', 1, true);
  const waiting = room.arrive('b');
  room.places.close();
  assert.equal(waiting.state, 'refused');
  assert.equal(room.arrive('c').state, 'refused');
  assert.equal(room.clock.pendingTimers, 0);
});

test('whatever clients do, no bound is exceeded, nobody waits while there is room, and nothing is left at the end', () => {
  const step = fc.record({
    what: fc.constantFrom('arrive', 'ask', 'answer', 'leave', 'advance'),
    who: fc.nat({ max: 5 }),
    which: fc.nat({ max: 40 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const room = new Room(6, 3);
      const guests: Guest[] = [];
      for (const { what, who, which } of steps) {
        const guest = guests[which];
        if (what === 'arrive') guests.push(room.arrive(who === 0 ? LOCAL_GROUP : `client ${who}`));
        else if (what === 'advance') room.clock.advance(20 * which);
        else if (guest?.state !== 'open' && guest?.state !== 'ended') continue;
        else if (what === 'leave') {
          guest.leave();
          guest.state = 'gave way';
        } else guest[what]();
        const seated = guests.filter(({ state }) => state === 'open' || state === 'ended');
        assert.equal(room.places.seated.length, seated.length);
        assert.ok(seated.length <= 6);
        for (let client = 1; client <= 5; client++) {
          assert.ok(seated.filter(({ group }) => group === `client ${client}`).length <= 3);
        }
      }
      room.clock.advance(100);
      const seated = guests.filter(({ state }) => state === 'open' || state === 'ended');
      const hasRoom = ({ group }: Guest): boolean =>
        seated.length < 6 && (group === LOCAL_GROUP || seated.filter((other) => other.group === group).length < 3);
      assert.equal(guests.filter((guest) => guest.state === 'waiting' && hasRoom(guest)).length, 0);
      for (const guest of seated) guest.leave();
      room.clock.advance(20_000);
      for (const guest of room.places.seated) guest.leave();
      room.clock.advance(20_000);
      assert.equal(room.clock.pendingTimers, 0);
    }),
  );
});
