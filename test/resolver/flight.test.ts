import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deadline } from '../../src/lib/deadline.ts';
import { Flight } from '../../src/resolver/flight.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';

function createFlight(): { readonly flight: Flight<string>; readonly clock: ManualClock; readonly ends: () => number } {
  let ends = 0;
  return { flight: new Flight<string>(() => ends++), clock: new ManualClock(), ends: () => ends };
}

test('each waits for as long as it can, and is told the answer as soon as there is one', async () => {
  const { flight, clock, ends } = createFlight();
  const answer = Promise.withResolvers<string>();
  flight.attempt(answer.promise, clock.now());
  const short = flight.wait(Deadline.after(clock, 10));
  const long = flight.wait(Deadline.after(clock, 20));
  clock.advance(10);
  assert.equal(await short, undefined);
  assert.equal(flight.awaited, true);
  assert.equal(ends(), 0);
  answer.resolve('answer');
  assert.equal(await long, 'answer');
  assert.equal(ends(), 1);
  assert.equal(flight.awaited, false);
});

test('nothing is left on the clock of who was told in time', async () => {
  const { flight, clock } = createFlight();
  flight.attempt(Promise.resolve('answer'), clock.now());
  await flight.wait(Deadline.after(clock, 10));
  assert.equal(clock.pendingTimers, 0);
});

test('it ends with the first answer, or with the failure of the last attempt', async () => {
  const { flight, clock, ends } = createFlight();
  const attempts = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
  for (const { promise } of attempts) flight.attempt(promise, clock.now());
  const waiting = flight.wait(Deadline.after(clock, 10));
  attempts[1]?.reject(new RangeError('the second'));
  await assert.rejects(attempts[1]?.promise as Promise<string>);
  assert.equal(ends(), 0);
  attempts[0]?.reject(new RangeError('the first'));
  await assert.rejects(waiting, { message: 'the first' });
  assert.equal(ends(), 1);
});

test('a failure that nobody waits for is nobody’s', async () => {
  const { flight, clock, ends } = createFlight();
  const failed = Promise.reject<string>(new RangeError('a failure'));
  flight.attempt(failed, clock.now());
  await assert.rejects(failed);
  assert.equal(ends(), 1);
});

test('it is given up by its signal, which its attempts look at', () => {
  const { flight } = createFlight();
  assert.equal(flight.signal.aborted, false);
  flight.giveUp();
  assert.equal(flight.signal.aborted, true);
});
