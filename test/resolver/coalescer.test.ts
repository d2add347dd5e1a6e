import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Deadline } from '../../src/lib/deadline.ts';
import { Coalescer, SharedQuestion } from '../../src/resolver/coalescer.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';

function createQuestion(): {
  readonly question: SharedQuestion<string>;
  readonly clock: ManualClock;
  readonly ends: () => number;
} {
  let ends = 0;
  return { question: new SharedQuestion<string>(() => ends++), clock: new ManualClock(), ends: () => ends };
}

test('each client waits until its own deadline, and gets the answer as soon as it arrives', async () => {
  const { question, clock, ends } = createQuestion();
  const answer = Promise.withResolvers<string>();
  question.attempt(answer.promise, clock.now());
  const short = question.wait(Deadline.after(clock, 10));
  const long = question.wait(Deadline.after(clock, 20));
  clock.advance(10);
  assert.equal(await short, undefined);
  assert.equal(question.isAwaited, true);
  assert.equal(ends(), 0);
  answer.resolve('answer');
  assert.equal(await long, 'answer');
  assert.equal(ends(), 1);
  assert.equal(question.isAwaited, false);
});

test('no timer is left after an answer in time', async () => {
  const { question, clock } = createQuestion();
  question.attempt(Promise.resolve('answer'), clock.now());
  await question.wait(Deadline.after(clock, 10));
  assert.equal(clock.pendingTimers, 0);
});

test('a question ends with the first answer, or with the failure of the last attempt', async () => {
  const { question, clock, ends } = createQuestion();
  const attempts = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
  for (const { promise } of attempts) question.attempt(promise, clock.now());
  const waiting = question.wait(Deadline.after(clock, 10));
  attempts[1]?.reject(new RangeError('the second'));
  await assert.rejects(attempts[1]?.promise as Promise<string>);
  assert.equal(ends(), 0);
  attempts[0]?.reject(new RangeError('the first'));
  await assert.rejects(waiting, { message: 'the first' });
  assert.equal(ends(), 1);
});

test('a failure that no client waits for causes no unhandled rejection', async () => {
  const { question, clock, ends } = createQuestion();
  const failed = Promise.reject<string>(new RangeError('a failure'));
  question.attempt(failed, clock.now());
  await assert.rejects(failed);
  assert.equal(ends(), 1);
});

test('giving up a question aborts its signal', () => {
  const { question } = createQuestion();
  assert.equal(question.signal.aborted, false);
  question.giveUp();
  assert.equal(question.signal.aborted, true);
});

/** Adds a client that waits for the end of the question. */
function join(question: SharedQuestion<string>): void {
  question.wait(Deadline.after(new ManualClock(), 10)).catch(() => {});
}

test('a question is found under its key until it succeeds or fails', async () => {
  const coalescer = new Coalescer<string>(2);
  const works = [Promise.resolve('answer'), Promise.reject<string>(new RangeError('a failure'))];
  for (const [key, work] of Object.entries(works)) {
    const question = coalescer.start(key);
    assert.equal(coalescer.get(key), question);
    question.attempt(work, 0);
  }
  assert.equal(coalescer.isFull, true);
  await setImmediate();
  assert.equal(coalescer.isFull, false);
  assert.deepEqual([coalescer.get('0'), coalescer.get('1')], [undefined, undefined]);
});

test('beyond the limit, only the oldest question without a waiting client is given up', () => {
  const coalescer = new Coalescer<string>(3);
  const [awaited, oldest, other] = ['awaited', 'oldest', 'other'].map((key) => coalescer.start(key));
  assert.ok(awaited !== undefined && oldest !== undefined && other !== undefined);
  join(awaited);
  coalescer.start('one more');
  assert.deepEqual(
    [awaited, oldest, other].map(({ signal }) => signal.aborted),
    [false, true, false],
  );
  // It is removed at once, not when its work ends. Otherwise it could be given up again instead of the next.
  assert.equal(coalescer.get('oldest'), undefined);
  coalescer.start('and one more');
  assert.equal(other.signal.aborted, true);
});

test('the end of a question that was given up does not affect a new one under its key', async () => {
  const coalescer = new Coalescer<string>(1);
  const given = Promise.withResolvers<string>();
  coalescer.start('key').attempt(given.promise, 0);
  coalescer.start('other').giveUp();
  const again = coalescer.start('key');
  given.resolve('late');
  await setImmediate();
  assert.equal(coalescer.get('key'), again);
});
