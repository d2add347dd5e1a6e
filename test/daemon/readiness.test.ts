import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { ReadinessMonitor } from '../../src/daemon/readiness.ts';
import { Dns4torError } from '../../src/failures/errors.ts';
import { failureText } from '../../src/failures/failures.ts';
import { Deadline } from '../../src/lib/deadline.ts';
import type { ExchangeContext, Upstream } from '../../src/upstream/upstream.ts';
import { decodeReply } from '../fixtures/dns/messages.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';

const ANSWER = new Uint8Array(12);

/** An upstream that does what the test says. */
class UpstreamDouble implements Upstream {
  readonly address = 'https://double.test/dns-query';
  readonly queries: Uint8Array[] = [];
  readonly clients: (string | undefined)[] = [];
  disposed = false;
  answer: () => Promise<Uint8Array> = async () => ANSWER;
  /** Overrides {@link answer} for answers that depend on the query. */
  answerTo: (query: Uint8Array) => Promise<Uint8Array> = () => this.answer();

  exchange(query: Uint8Array, { deadline, client }: ExchangeContext): Promise<Uint8Array> {
    this.queries.push(query);
    this.clients.push(client);
    return deadline.limit(this.answerTo(query));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disposed = true;
  }
}

const fails = (): Promise<Uint8Array> => Promise.reject(new Dns4torError('ERR_TOR_UNREACHABLE'));
const hangs = (): Promise<Uint8Array> => new Promise(() => {});

function create(answer?: () => Promise<Uint8Array>): {
  clock: ManualClock;
  upstream: UpstreamDouble;
  monitor: ReadinessMonitor;
} {
  const clock = new ManualClock();
  const upstream = new UpstreamDouble();
  if (answer !== undefined) upstream.answer = answer;
  return { clock, upstream, monitor: new ReadinessMonitor(clock, upstream) };
}

const ask = (monitor: ReadinessMonitor, clock: ManualClock): Promise<Uint8Array> =>
  monitor.exchange(Uint8Array.of(1), { deadline: Deadline.after(clock, 1000) });

test('an answer to a client makes it ready for a minute without any probe', async () => {
  const { clock, upstream, monitor } = create();
  assert.equal(await ask(monitor, clock), ANSWER);
  clock.advance(59_999);
  const readiness = await monitor.check();
  assert.deepEqual(readiness, { ready: true, detail: 'answers come through Tor', lastAnswerSecondsAgo: 59 });
  assert.equal(upstream.queries.length, 1);
});

test('without a recent answer, a check sends a probe that reveals nothing about any user', async () => {
  const { clock, upstream, monitor } = create();
  await ask(monitor, clock);
  clock.advance(60_000);
  assert.deepEqual(await monitor.check(), { ready: true, detail: 'answers come through Tor', lastAnswerSecondsAgo: 0 });
  const probe = upstream.queries[1] ?? new Uint8Array(0);
  assert.deepEqual(decodeReply(probe).questions, [{ name: '.', type: 'NS', class: 'IN' }]);
  assert.equal(probe.length, 128);
  assert.equal(decodeReply(probe).id, 0);
});

test('after a failed probe it is not ready, and says why and how long ago the last answer was', async () => {
  const { clock, upstream, monitor } = create(fails);
  assert.deepEqual(await monitor.check(), { ready: false, detail: failureText('ERR_TOR_UNREACHABLE') });
  upstream.answer = async () => ANSWER;
  await ask(monitor, clock);
  upstream.answer = fails;
  clock.advance(90_500);
  const readiness = await monitor.check();
  assert.deepEqual(readiness, {
    ready: false,
    detail: failureText('ERR_TOR_UNREACHABLE'),
    lastAnswerSecondsAgo: 90,
  });
});

test('a hanging probe ends after ten seconds, and concurrent checks share it', async () => {
  const { clock, upstream, monitor } = create(hangs);
  const checks = Promise.all([monitor.check(), monitor.check(), monitor.check()]);
  await clock.advanceAsync(10_000);
  for (const { ready, detail } of await checks) {
    assert.equal(ready, false);
    assert.equal(detail, failureText('ERR_DEADLINE'));
  }
  assert.equal(upstream.queries.length, 1);
  upstream.answer = async () => ANSWER;
  assert.equal((await monitor.check()).ready, true);
});

test('abandoned queries do not count as failures, whatever their number', async () => {
  const { clock, upstream, monitor } = create(hangs);
  const ending = new AbortController();
  const asked = Array.from({ length: 5 }, () =>
    monitor.exchange(Uint8Array.of(1), { deadline: new Deadline(clock, 10_000, ending.signal) }),
  );
  ending.abort();
  for (const each of asked) await assert.rejects(each, { code: 'ERR_GIVEN_UP' });
  assert.equal(monitor.connectivity.failuresInARow, 0);
  assert.equal(monitor.connectivity.failure, undefined);
  assert.equal(upstream.queries.length, 5);
});

test("a client's failure is passed on unchanged", async () => {
  const { clock, monitor } = create(fails);
  await assert.rejects(ask(monitor, clock), { code: 'ERR_TOR_UNREACHABLE' });
});

test('a query is passed on with its client, and a probe without one', async () => {
  const { clock, upstream, monitor } = create();
  await monitor.exchange(Uint8Array.of(1), { deadline: Deadline.after(clock, 1000), client: 'alice' });
  clock.advance(60_000);
  await monitor.check();
  assert.deepEqual(upstream.clients, ['alice', undefined]);
});

test('probes are sent every two seconds until the first answer', async () => {
  const { clock, upstream, monitor } = create(fails);
  let answered: boolean | undefined;
  void monitor.firstAnswer().then((answer) => (answered = answer));
  await clock.advanceAsync(4000);
  assert.equal(upstream.queries.length, 3);
  upstream.answer = async () => ANSWER;
  await clock.advanceAsync(1999);
  assert.equal(answered, undefined);
  await clock.advanceAsync(1);
  assert.equal(answered, true);
  assert.equal(upstream.queries.length, 4);
  assert.equal(clock.pendingTimers, 0);
});

test("a client's answer ends the wait for the first one", async () => {
  const { clock, upstream, monitor } = create(fails);
  const first = monitor.firstAnswer();
  await setImmediate();
  upstream.answer = async () => ANSWER;
  await ask(monitor, clock);
  await clock.advanceAsync(2000);
  assert.equal(await first, true);
  assert.equal(upstream.queries.length, 2);
});

test('disposing ends the wait for the first answer at once, and disposes the upstream', async () => {
  const { clock, upstream, monitor } = create(fails);
  const first = monitor.firstAnswer();
  await setImmediate();
  await monitor[Symbol.asyncDispose]();
  assert.equal(await first, false);
  assert.equal(upstream.disposed, true);
  assert.equal(clock.pendingTimers, 0);
});

const brokenName = Uint8Array.of(2);

for (const code of [
  'ERR_DEADLINE',
  'ERR_DOH_STATUS',
  'ERR_RESPONSE_MALFORMED',
  'ERR_QUERY_DROPS_CONNECTION',
] as const) {
  test(`${code}: three failures of one question do not count while a probe is answered`, async () => {
    const { clock, upstream, monitor } = create();
    await ask(monitor, clock);
    upstream.answerTo = async (query) => {
      if (query === brokenName) throw new Dns4torError(code);
      return ANSWER;
    };
    for (let i = 0; i < 3; i++) {
      await clock.advanceAsync(1);
      await monitor.exchange(brokenName, { deadline: Deadline.after(clock, 1000) }).catch(() => {});
    }
    await clock.advanceAsync(1);
    assert.equal(monitor.connectivity.failuresInARow, 0);
    assert.equal(monitor.connectivity.failure, undefined);
    // Only the first failure caused a probe. Its answer covers the other two, which followed within two seconds.
    assert.equal(upstream.queries.length, 5);
  });

  test(`${code}: if every question fails this way, failed probes count as an outage`, async () => {
    const { clock, upstream, monitor } = create();
    await ask(monitor, clock);
    upstream.answerTo = async () => {
      throw new Dns4torError(code);
    };
    for (let i = 0; i < 3; i++) {
      await clock.advanceAsync(2000);
      await monitor.exchange(brokenName, { deadline: Deadline.after(clock, 1000) }).catch(() => {});
    }
    await clock.advanceAsync(1);
    assert.equal(monitor.connectivity.failuresInARow, 3);
    assert.equal(monitor.connectivity.failure, code);
  });
}

test('a failed question causes no probe if another one was answered in the meantime', async () => {
  const { clock, upstream, monitor } = create();
  await ask(monitor, clock);
  const broken = Promise.withResolvers<Uint8Array>();
  upstream.answerTo = (query) => (query === brokenName ? broken.promise : Promise.resolve(ANSWER));
  const failed = monitor.exchange(brokenName, { deadline: Deadline.after(clock, 1000) });
  await clock.advanceAsync(1);
  await ask(monitor, clock);
  broken.reject(new Dns4torError('ERR_DOH_STATUS'));
  await assert.rejects(failed);
  assert.equal(upstream.queries.length, 3);
});

test('the connectivity counts failures since the last answer, and knows the latest', async () => {
  const { clock, upstream, monitor } = create(fails);
  assert.deepEqual(monitor.connectivity, {
    lastAnswerSecondsAgo: undefined,
    failuresInARow: 0,
    failure: undefined,
    silentMs: 0,
  });
  for (let i = 0; i < 2; i++) await ask(monitor, clock).catch(() => {});
  assert.deepEqual(monitor.connectivity, {
    lastAnswerSecondsAgo: undefined,
    failuresInARow: 2,
    failure: 'ERR_TOR_UNREACHABLE',
    silentMs: 0,
  });
  upstream.answer = async () => ANSWER;
  await ask(monitor, clock);
  clock.advance(2000);
  assert.deepEqual(monitor.connectivity, {
    lastAnswerSecondsAgo: 2,
    failuresInARow: 0,
    failure: undefined,
    silentMs: 0,
  });
});

test('repeated views cause no probe while answers arrive, and otherwise one every two seconds', async () => {
  const { clock, upstream, monitor } = create();
  const look = async (seconds: number, each: () => Promise<unknown>): Promise<void> => {
    for (let second = 0; second < seconds; second++) {
      await each();
      monitor.refresh(false);
      await clock.advanceAsync(1000);
    }
  };
  await look(10, () => ask(monitor, clock));
  assert.equal(upstream.queries.length, 10);
  await look(10, async () => {});
  assert.equal(upstream.queries.length, 15);
});

test('connectivity reports how long probes have been unanswered, across probes, until one is answered', async () => {
  const { clock, upstream, monitor } = create();
  await ask(monitor, clock);
  upstream.answer = hangs;
  await clock.advanceAsync(2000);
  for (let second = 0; second < 15; second++) {
    monitor.refresh(false);
    assert.equal(monitor.connectivity.silentMs, second * 1000);
    await clock.advanceAsync(1000);
  }
  assert.equal(monitor.connectivity.failuresInARow, 1);
  upstream.answer = async () => ANSWER;
  await ask(monitor, clock);
  assert.equal(monitor.connectivity.silentMs, 0);
});

test('an old unanswered probe says nothing about the time since', async () => {
  const { clock, upstream, monitor } = create(fails);
  await monitor.check();
  await clock.advanceAsync(3_600_000);
  assert.equal(monitor.connectivity.silentMs, 0);
  upstream.answer = hangs;
  monitor.refresh(false);
  await clock.advanceAsync(1000);
  assert.equal(monitor.connectivity.silentMs, 1000);
});

test('without an open connection, or after a failed query, a view probes every two seconds even after a recent answer', async () => {
  const { clock, upstream, monitor } = create();
  await ask(monitor, clock);
  monitor.refresh(true);
  assert.equal(upstream.queries.length, 2);
  await clock.advanceAsync(1999);
  await ask(monitor, clock);
  monitor.refresh(true);
  assert.equal(upstream.queries.length, 3);
  await clock.advanceAsync(1);
  monitor.refresh(true);
  assert.equal(upstream.queries.length, 4);
  await clock.advanceAsync(2000);
  await ask(monitor, clock);
  upstream.answer = fails;
  await assert.rejects(ask(monitor, clock));
  monitor.refresh(false);
  assert.equal(upstream.queries.length, 7);
});

/** The trouble of a stuck Tor, and a monitor that knows it. */
function createStuck(isCut: boolean, answer: () => Promise<Uint8Array>): ReturnType<typeof create> {
  const clock = new ManualClock();
  const upstream = new UpstreamDouble();
  upstream.answer = answer;
  const path = { trouble: (): Dns4torError => new Dns4torError('ERR_TOR_BLOCKED'), isCut: () => isCut };
  return { clock, upstream, monitor: new ReadinessMonitor(clock, upstream, path) };
}

test('while Tor is stuck and no connection is open, a query fails at once with the trouble, and a probe is sent', async () => {
  const { clock, upstream, monitor } = createStuck(true, fails);
  await assert.rejects(ask(monitor, clock), { code: 'ERR_TOR_BLOCKED' });
  assert.equal(upstream.queries.length, 0);
  const { ready, detail } = await monitor.check();
  assert.deepEqual([ready, detail], [false, failureText('ERR_TOR_BLOCKED')]);
  assert.equal(upstream.queries.length, 1);
  assert.equal(monitor.connectivity.failure, 'ERR_TOR_BLOCKED');
});

test('an open connection is used even if Tor is stuck, and its failures keep their reason', async () => {
  const answered = createStuck(false, async () => ANSWER);
  assert.equal(await ask(answered.monitor, answered.clock), ANSWER);
  const failing = createStuck(false, fails);
  await assert.rejects(ask(failing.monitor, failing.clock), { code: 'ERR_TOR_UNREACHABLE' });
});
