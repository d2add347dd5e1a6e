import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerEpisodes } from '../../src/daemon/answer-episodes.ts';
import { Dns4torError } from '../../src/failures/errors.ts';
import { OF_THE_QUESTION } from '../../src/failures/question-failures.ts';
import { createLogger } from '../../src/log/logger.ts';
import type { AnswerEvents } from '../../src/upstream/pool/pooled-connection.ts';
import { DohStatusError } from '../../src/upstream/transport/doh-request.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';

const URL = 'https://resolver.test/dns-query';
const MINUTE_MS = 60_000;

interface Fixture {
  readonly clock: ManualClock;
  readonly events: AnswerEvents;
  /** The event of each log line, with the fields that identify it. */
  readonly told: () => unknown[];
}

function create(): Fixture {
  const clock = new ManualClock();
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger('info', 'json', clock, (line) => lines.push(JSON.parse(line) as Record<string, unknown>));
  return {
    clock,
    events: answerEpisodes(logger, clock, URL),
    told: () =>
      lines.map(({ event, code, status, answers, seconds }) =>
        [event, code, status, answers, seconds].filter((value) => value !== undefined),
      ),
  };
}

test('an HTTP status is logged once per episode, and a usable answer after a quiet minute ends the episode', () => {
  const { clock, events, told } = create();
  for (let i = 0; i < 100; i++) {
    events.failed(new DohStatusError(503), true);
    clock.advance(100);
  }
  assert.deepEqual(told(), [['upstream_http_error', 'ERR_DOH_STATUS', 503]]);
  events.answered();
  clock.advance(MINUTE_MS);
  events.answered();
  assert.deepEqual(told()[1], ['upstream_usable', 'ERR_DOH_STATUS', 100, 9.9]);
  events.failed(new DohStatusError(503), true);
  assert.deepEqual(told()[2], ['upstream_http_error', 'ERR_DOH_STATUS', 503]);
});

test('each HTTP status is logged once', () => {
  const { clock, events, told } = create();
  for (let i = 0; i < 10; i++) {
    events.failed(new DohStatusError(i % 2 === 0 ? 429 : 502), true);
    clock.advance(1000);
  }
  assert.deepEqual(told(), [
    ['upstream_http_error', 'ERR_DOH_STATUS', 429],
    ['upstream_http_error', 'ERR_DOH_STATUS', 502],
  ]);
});

test('every kind of unusable answer is logged', () => {
  const codes = [...OF_THE_QUESTION].filter((code) => code.startsWith('ERR_RESPONSE_') || code.startsWith('ERR_DOH_'));
  const { events, told } = create();
  for (const code of codes) events.failed(new Dns4torError(code), true);
  assert.deepEqual(
    told().map((line) => (line as unknown[])[1]),
    codes,
  );
});

test('failures of one broken domain between usable answers are one episode', () => {
  const { clock, events, told } = create();
  for (let i = 0; i < 20; i++) {
    events.failed(new DohStatusError(500), true);
    for (let good = 0; good < 10; good++) events.answered();
    clock.advance(30_000);
  }
  assert.equal(told().length, 1);
});

test('silence alone does not end an episode, and a failure after its end starts a new one', () => {
  const { clock, events, told } = create();
  events.failed(new DohStatusError(500), true);
  clock.advance(60 * MINUTE_MS);
  events.failed(new DohStatusError(500), true);
  assert.equal(told().length, 1);
  events.answered();
  clock.advance(60 * MINUTE_MS);
  events.failed(new DohStatusError(500), true);
  assert.deepEqual(told().slice(1), [
    ['upstream_usable', 'ERR_DOH_STATUS', 2, 3600],
    ['upstream_http_error', 'ERR_DOH_STATUS', 500],
  ]);
});

for (const code of [
  'ERR_DOH_CONTENT_TYPE',
  'ERR_DOH_BODY_SIZE',
  'ERR_RESPONSE_MALFORMED',
  'ERR_RESPONSE_MISMATCH',
  'ERR_RESPONSE_CHAIN',
] as const) {
  test(`${code} is logged once`, () => {
    const { events, told } = create();
    for (let i = 0; i < 10; i++) events.failed(new Dns4torError(code), true);
    assert.deepEqual(told(), [['upstream_unusable', code]]);
  });
}

test('reset streams are logged once; lost connections, a few missed deadlines and shutdowns are not logged', () => {
  const { events, told } = create();
  for (let i = 0; i < 9; i++) {
    events.failed(new Dns4torError('ERR_UPSTREAM_CONNECTION'), true);
    events.failed(new Dns4torError('ERR_UPSTREAM_CONNECTION'), false);
    events.failed(new Dns4torError('ERR_DEADLINE'), true);
    events.failed(new Dns4torError('ERR_SHUTDOWN'), true);
  }
  assert.deepEqual(told(), [['upstream_resets', 'ERR_UPSTREAM_CONNECTION']]);
});

test('ten missed deadlines in a row are logged once', () => {
  const { events, told } = create();
  for (const inARow of [9, 20]) {
    events.answered();
    for (let i = 0; i < inARow; i++) events.failed(new Dns4torError('ERR_DEADLINE'), true);
  }
  assert.deepEqual(told(), [['upstream_silent', 'ERR_DEADLINE']]);
});

test('invented HTTP statuses cause a bounded number of log lines', () => {
  const { clock, events, told } = create();
  for (let status = 300; status < 600; status++) {
    events.failed(new DohStatusError(status), true);
    clock.advance(10_000);
  }
  assert.equal(told().length, 16);
});

test('a resolver that alternates between answers and two HTTP statuses for an hour causes two lines, and two at the end', () => {
  const { clock, events, told } = create();
  for (let second = 0; second < 3600; second += 3) {
    events.answered();
    events.failed(new DohStatusError(503), true);
    clock.advance(1500);
    events.failed(new DohStatusError(429), true);
    clock.advance(1500);
  }
  assert.deepEqual(told(), [
    ['upstream_http_error', 'ERR_DOH_STATUS', 503],
    ['upstream_http_error', 'ERR_DOH_STATUS', 429],
  ]);
  events.answered();
  clock.advance(MINUTE_MS);
  events.answered();
  assert.deepEqual(
    told()
      .slice(2)
      .map((line) => (line as unknown[])[0]),
    ['upstream_usable', 'upstream_usable'],
  );
});

test('an hour of failures with occasional answers is one line', () => {
  const { clock, events, told } = create();
  for (let second = 0; second < 3600; second++) {
    events.failed(new DohStatusError(503), true);
    if (second % 600 === 0) for (let good = 0; good < 3; good++) events.answered();
    clock.advance(1000);
  }
  assert.equal(told().length, 1);
});

test('a circuit that is rejected every few minutes for a day is a few lines', () => {
  const { clock, events, told } = create();
  for (let minute = 0; minute < 24 * 60; minute++) {
    events.answered();
    if (minute % 5 === 0) events.failed(new DohStatusError(429), true);
    clock.advance(MINUTE_MS);
  }
  assert.ok(told().length < 10);
  // After a quiet hour it is logged again.
  for (let minute = 0; minute < 2 * 60; minute++) {
    clock.advance(MINUTE_MS);
    events.answered();
  }
  const before = told().length;
  events.failed(new DohStatusError(429), true);
  assert.equal(told().length, before + 1);
});
