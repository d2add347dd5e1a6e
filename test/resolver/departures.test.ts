import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LOCAL_GROUP } from '../../src/model/client-group.ts';
import { Departures, type Passenger } from '../../src/resolver/departures.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';

class Question implements Passenger {
  readonly #station: Station;
  readonly client: string;
  awaited = true;
  state: 'waiting' | 'under way' | 'ended' | 'given up' = 'waiting';

  constructor(station: Station, client: string) {
    this.#station = station;
    this.client = client;
  }

  giveUp(): void {
    this.state = 'given up';
    // Like a flight that reports its end.
    this.#station.departures.ended(this);
  }

  end(): void {
    this.state = 'ended';
    this.#station.departures.ended(this);
  }
}

class Station {
  readonly clock = new ManualClock();
  readonly departures: Departures<Question>;
  capacity: number;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.departures = new Departures(this.clock, { capacity: () => this.capacity });
  }

  enter(client: string, awaited = true): Question {
    const question = new Question(this, client);
    question.awaited = awaited;
    this.departures.enter(client, question, () => (question.state = 'under way'));
    return question;
  }

  fill(client: string, count: number): Question[] {
    return Array.from({ length: count }, () => this.enter(client));
  }
}

const count = (questions: readonly Question[], wanted: Question['state']): number =>
  questions.filter(({ state }) => state === wanted).length;

test('one client alone has all the capacity, and its further questions are sent in order as others end', () => {
  const station = new Station(3);
  const [first, ...others] = station.fill('a', 5) as [Question, ...Question[]];
  assert.deepEqual(
    others.map(({ state }) => state),
    ['under way', 'under way', 'waiting', 'waiting'],
  );
  assert.equal(station.departures.full, true);
  first.end();
  assert.equal(others[2]?.state, 'under way');
  for (const question of others) if (question.state === 'under way') question.end();
  for (const question of others) if (question.state === 'under way') question.end();
  assert.equal(station.departures.full, false);
  assert.equal(station.clock.pendingTimers, 0);
});

test('the client with fewest in flight is next, however many questions of another came before', () => {
  const station = new Station(3);
  const greedy = station.fill('greedy', 20);
  const [modest] = station.fill('modest', 2) as [Question];
  greedy[0]?.end();
  assert.equal(modest.state, 'under way');
});

test('without answers, the client with most gives up its oldest question for one with few, until they are equal', () => {
  const station = new Station(4);
  const greedy = station.fill('greedy', 20);
  const modest = station.fill('modest', 3);
  station.clock.advance(299);
  assert.equal(count(modest, 'under way'), 0);
  station.clock.advance(1);
  assert.deepEqual(
    greedy.slice(0, 3).map(({ state }) => state),
    ['given up', 'given up', 'under way'],
  );
  assert.equal(count(modest, 'under way'), 2);
  station.clock.advance(10_000);
  assert.equal(count(modest, 'under way'), 2);
  assert.equal(count(greedy, 'under way'), 2);
});

test('a question that nobody waits for is given up at once', () => {
  const station = new Station(3);
  const [, abandoned] = station.fill('a', 3) as [Question, Question];
  abandoned.awaited = false;
  const next = station.enter('a');
  assert.equal(abandoned.state, 'given up');
  assert.equal(next.state, 'under way');
});

test('a question that has just come is not given up, though no client waits for it yet', () => {
  const station = new Station(1);
  station.fill('greedy', 3);
  station.capacity = 2;
  const modest = station.enter('modest', false);
  assert.equal(modest.state, 'under way');
});

test('a question that nobody waits for any more is not sent when it is its turn', () => {
  const station = new Station(1);
  const [first, second, third] = station.fill('a', 3) as [Question, Question, Question];
  second.awaited = false;
  first.end();
  assert.deepEqual([second.state, third.state], ['given up', 'under way']);
});

test('a question joined by a client with fewer in flight counts as its own from then on', () => {
  const station = new Station(2);
  station.fill('greedy', 2);
  const [joined] = station.fill('greedy', 10) as [Question];
  assert.equal(station.departures.isWaiting(joined), true);
  station.departures.join('modest', joined);
  station.clock.advance(300);
  assert.equal(joined.state, 'under way');
});

test('the clients of a network leave the programs of this machine half of the capacity', () => {
  const station = new Station(10);
  const local = station.fill(LOCAL_GROUP, 5);
  for (let i = 0; i < 8; i++) station.fill(`remote ${i}`, 5);
  station.clock.advance(10_000);
  assert.equal(count(local, 'under way'), 5);
});

test('capacity that is added later is used', () => {
  const station = new Station(1);
  const questions = station.fill('a', 4);
  station.capacity = 3;
  station.clock.advance(300);
  assert.equal(count(questions, 'under way'), 3);
});

test('whatever happens, capacity is not exceeded, nothing waits while there is room, and nothing is left at the end', () => {
  const step = fc.record({
    what: fc.constantFrom('enter', 'end', 'leave', 'join', 'advance'),
    who: fc.nat({ max: 4 }),
    which: fc.nat({ max: 30 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const station = new Station(4);
      const questions: Question[] = [];
      const nameOf = (who: number): string => (who === 0 ? LOCAL_GROUP : `client ${who}`);
      for (const { what, who, which } of steps) {
        const question = questions[which];
        if (what === 'enter') questions.push(station.enter(nameOf(who)));
        else if (what === 'advance') station.clock.advance(50 * which);
        else if (question === undefined) continue;
        else if (what === 'leave') question.awaited = false;
        else if (what === 'join') station.departures.join(nameOf(who), question);
        else if (question.state === 'under way') question.end();
        assert.ok(count(questions, 'under way') <= 4);
        assert.ok(count(questions, 'waiting') === 0 || count(questions, 'under way') === 4);
        assert.equal(station.departures.full, count(questions, 'under way') === 4);
      }
      for (const question of questions) question.awaited = false;
      while (count(questions, 'under way') > 0) questions.find(({ state }) => state === 'under way')?.end();
      assert.equal(count(questions, 'waiting'), 0);
      assert.equal(station.clock.pendingTimers, 0);
    }),
  );
});
