import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCode } from '../../../src/failures/failures.ts';
import { NewnymSchedule } from '../../../src/tor/control/newnym.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';

test('NEWNYM is due at the second remembered failure without a successful dial in between', () => {
  const outcomes: readonly (readonly ('ok' | ErrorCode)[])[] = [
    ['ERR_TOR_HS_INTRO_FAILED', 'ERR_TOR_HS_INTRO_FAILED'],
    ['ERR_TOR_HS_INTRO_TIMEOUT', 'ERR_TOR_HS_INTRO_FAILED'],
    ['ERR_TOR_HS_DESC_NOT_FOUND', 'ERR_TOR_TIMEOUT', 'ERR_TOR_HS_DESC_NOT_FOUND'],
    ['ERR_TOR_HS_INTRO_FAILED', 'ok', 'ERR_TOR_HS_INTRO_FAILED', 'ERR_TOR_HS_INTRO_FAILED'],
  ];
  for (const row of outcomes) {
    const schedule = new NewnymSchedule(new ManualClock());
    const due = row.map((outcome) => schedule.isDue(outcome));
    assert.deepEqual(due, [...row.slice(1).map(() => false), true], row.join());
  }
});

test('failures that Tor does not remember do not make NEWNYM due', () => {
  const schedule = new NewnymSchedule(new ManualClock());
  const others = ['ERR_TOR_TIMEOUT', 'ERR_TOR_UNREACHABLE', 'ERR_TOR_HS_REND_FAILED', 'ERR_TOR_HS_AUTH_WRONG'] as const;
  for (const code of [...others, ...others]) assert.equal(schedule.isDue(code), false);
});

/** Times at which NEWNYM was due, in seconds, while a dial fails every second. */
function dueSeconds(schedule: NewnymSchedule, clock: ManualClock, seconds: number): number[] {
  const due: number[] = [];
  for (let i = 0; i < seconds; i++) {
    if (schedule.isDue('ERR_TOR_HS_INTRO_FAILED')) due.push(clock.now() / 1000);
    clock.advance(1000);
  }
  return due;
}

test('during an outage, pauses grow from 30 seconds to 10 minutes', () => {
  const clock = new ManualClock();
  const due = dueSeconds(new NewnymSchedule(clock), clock, 3000);
  const pauses = due.slice(1).map((second, i) => second - (due[i] ?? 0));
  assert.deepEqual(pauses, [30, 60, 120, 240, 480, 600, 600, 600]);
});

test('once an outage has been over for as long as the last pause, the next one starts with the shortest pause', () => {
  const clock = new ManualClock();
  const schedule = new NewnymSchedule(clock);
  assert.deepEqual(dueSeconds(schedule, clock, 40), [1, 31]);
  schedule.isDue('ok');
  clock.advance(111_000);
  assert.deepEqual(dueSeconds(schedule, clock, 40), [152, 182]);
});
