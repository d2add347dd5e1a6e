import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dns4torError, type ErrorCode } from '../../src/lib/errors.ts';
import { BackOff } from '../../src/upstream/back-off.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';
import { noJitter } from './rig.ts';

/** The pauses after `count` failures in a row. */
function pauses(code: ErrorCode, count: number, fraction: number): number[] {
  const backOff = new BackOff(new ManualClock(), { ...noJitter, fraction: () => fraction });
  return Array.from({ length: count }, () => backOff.failed(new Dns4torError(code)));
}

test('pauses double up to half a minute, or to a second while Tor itself is not there', () => {
  const remote = [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000];
  assert.deepEqual(pauses('ERR_TOR_TIMEOUT', 9, 1), remote);
  assert.deepEqual(pauses('ERR_TOR_UNREACHABLE', 5, 1), [250, 500, 1000, 1000, 1000]);
});

test('chance takes off up to half of a pause', () => {
  assert.deepEqual(pauses('ERR_TOR_TIMEOUT', 2, 0), [125, 250]);
  assert.deepEqual(pauses('ERR_TOR_TIMEOUT', 2, 0.5), [187.5, 375]);
});

test('a failure refuses with its own error until its pause is over', () => {
  const clock = new ManualClock();
  const backOff = new BackOff(clock, noJitter);
  assert.equal(backOff.refusal, undefined);
  const error = new Dns4torError('ERR_TLS_PIN');
  const pauseMs = backOff.failed(error);
  clock.advance(pauseMs - 1);
  assert.equal(backOff.refusal, error);
  clock.advance(1);
  assert.equal(backOff.refusal, undefined);
  backOff.failed(error);
  backOff.succeeded();
  assert.equal(backOff.refusal, undefined);
  assert.equal(backOff.failed(error), pauseMs);
});
