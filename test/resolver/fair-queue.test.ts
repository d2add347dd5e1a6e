import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LOCAL_GROUP } from '../../src/model/client-group.ts';
import { FairQueue, type QueuedQuestion } from '../../src/resolver/fair-queue.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';

class Question implements QueuedQuestion {
  readonly #rig: Rig;
  readonly client: string;
  isAwaited = true;
  state: 'waiting' | 'in flight' | 'ended' | 'given up' = 'waiting';

  constructor(rig: Rig, client: string) {
    this.#rig = rig;
    this.client = client;
  }

  giveUp(): void {
    this.state = 'given up';
    // Like a shared question, which reports its end.
    this.#rig.queue.remove(this);
  }

  end(): void {
    this.state = 'ended';
    this.#rig.queue.remove(this);
  }
}

class Rig {
  readonly clock = new ManualClock();
  readonly queue: FairQueue<Question>;
  capacity: number;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.queue = new FairQueue(this.clock, { capacity: () => this.capacity });
  }

  enter(client: string, isAwaited = true): Question {
    const question = new Question(this, client);
    question.isAwaited = isAwaited;
    this.queue.enqueue(client, question, () => (question.state = 'in flight'));
    return question;
  }

  fill(client: string, count: number): Question[] {
    return Array.from({ length: count }, () => this.enter(client));
  }
}

const count = (questions: readonly Question[], wanted: Question['state']): number =>
  questions.filter(({ state }) => state === wanted).length;

test('one client alone gets all the capacity, and its further questions are sent in order as others end', () => {
  const rig = new Rig(3);
  const [first, ...others] = rig.fill('a', 5) as [Question, ...Question[]];
  assert.deepEqual(
    others.map(({ state }) => state),
    ['in flight', 'in flight', 'waiting', 'waiting'],
  );
  assert.equal(rig.queue.isFull, true);
  first.end();
  assert.equal(others[2]?.state, 'in flight');
  for (const question of others) if (question.state === 'in flight') question.end();
  for (const question of others) if (question.state === 'in flight') question.end();
  assert.equal(rig.queue.isFull, false);
  assert.equal(rig.clock.pendingTimers, 0);
});

test('the client with fewest in flight is next, even if another has earlier questions', () => {
  const rig = new Rig(3);
  const greedy = rig.fill('greedy', 20);
  const [modest] = rig.fill('modest', 2) as [Question];
  greedy[0]?.end();
  assert.equal(modest.state, 'in flight');
});

test('without answers, the client with most gives up its oldest questions for one with few, until they are equal', () => {
  const rig = new Rig(4);
  const greedy = rig.fill('greedy', 20);
  const modest = rig.fill('modest', 3);
  rig.clock.advance(299);
  assert.equal(count(modest, 'in flight'), 0);
  rig.clock.advance(1);
  assert.deepEqual(
    greedy.slice(0, 3).map(({ state }) => state),
    ['given up', 'given up', 'in flight'],
  );
  assert.equal(count(modest, 'in flight'), 2);
  rig.clock.advance(10_000);
  assert.equal(count(modest, 'in flight'), 2);
  assert.equal(count(greedy, 'in flight'), 2);
});

test('a question without a waiting client is given up at once', () => {
  const rig = new Rig(3);
  const [, abandoned] = rig.fill('a', 3) as [Question, Question];
  abandoned.isAwaited = false;
  const next = rig.enter('a');
  assert.equal(abandoned.state, 'given up');
  assert.equal(next.state, 'in flight');
});

test('a question that is being added is not given up, though no client waits for it yet', () => {
  const rig = new Rig(1);
  rig.fill('greedy', 3);
  rig.capacity = 2;
  const modest = rig.enter('modest', false);
  assert.equal(modest.state, 'in flight');
});

test('a question that no client waits for any more is not sent', () => {
  const rig = new Rig(1);
  const [first, second, third] = rig.fill('a', 3) as [Question, Question, Question];
  second.isAwaited = false;
  first.end();
  assert.deepEqual([second.state, third.state], ['given up', 'in flight']);
});

test('a question joined by a client with fewer in flight moves to that client', () => {
  const rig = new Rig(2);
  rig.fill('greedy', 2);
  const [joined] = rig.fill('greedy', 10) as [Question];
  assert.equal(rig.queue.isWaiting(joined), true);
  rig.queue.join('modest', joined);
  rig.clock.advance(300);
  assert.equal(joined.state, 'in flight');
});

test('remote clients leave half of the capacity to the programs of this machine', () => {
  const rig = new Rig(10);
  const local = rig.fill(LOCAL_GROUP, 5);
  for (let i = 0; i < 8; i++) rig.fill(`remote ${i}`, 5);
  rig.clock.advance(10_000);
  assert.equal(count(local, 'in flight'), 5);
});

test('capacity that is added later is used', () => {
  const rig = new Rig(1);
  const questions = rig.fill('a', 4);
  rig.capacity = 3;
  rig.clock.advance(300);
  assert.equal(count(questions, 'in flight'), 3);
});

test('capacity is never exceeded, nothing waits while there is capacity, and nothing is left at the end', () => {
  const step = fc.record({
    what: fc.constantFrom('enter', 'end', 'leave', 'join', 'advance'),
    who: fc.nat({ max: 4 }),
    which: fc.nat({ max: 30 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const rig = new Rig(4);
      const questions: Question[] = [];
      const nameOf = (who: number): string => (who === 0 ? LOCAL_GROUP : `client ${who}`);
      for (const { what, who, which } of steps) {
        const question = questions[which];
        if (what === 'enter') questions.push(rig.enter(nameOf(who)));
        else if (what === 'advance') rig.clock.advance(50 * which);
        else if (question === undefined) continue;
        else if (what === 'leave') question.isAwaited = false;
        else if (what === 'join') rig.queue.join(nameOf(who), question);
        else if (question.state === 'in flight') question.end();
        assert.ok(count(questions, 'in flight') <= 4);
        assert.ok(count(questions, 'waiting') === 0 || count(questions, 'in flight') === 4);
        assert.equal(rig.queue.isFull, count(questions, 'in flight') === 4);
      }
      for (const question of questions) question.isAwaited = false;
      while (count(questions, 'in flight') > 0) questions.find(({ state }) => state === 'in flight')?.end();
      assert.equal(count(questions, 'waiting'), 0);
      assert.equal(rig.clock.pendingTimers, 0);
    }),
  );
});
