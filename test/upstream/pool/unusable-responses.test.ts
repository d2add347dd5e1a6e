import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dns4torError } from '../../../src/failures/errors.ts';
import { Deadline } from '../../../src/lib/deadline.ts';
import { DohStatusError } from '../../../src/upstream/transport/doh-request.ts';
import { advanceUntilSettled, answer, answerTo, queryFor, startRig } from '../rig.ts';
import { byNumber, createPool } from '../simulated-pool.ts';

const RETRY_AFTER_MS = 10_000;
const TEST_MS = 2 * RETRY_AFTER_MS;
const QUERY_INTERVAL_MS = 250;

const withRcode = (rcode: number) => (query: Uint8Array) => {
  const response = answerTo(query);
  response[3] = ((response[3] as number) & 0xf0) | rcode;
  return response;
};
const UNUSABLE: Readonly<Record<string, (query: Uint8Array) => Uint8Array | Dns4torError>> = {
  'HTTP status 403': () => new DohStatusError(403),
  'HTTP status 302': () => new DohStatusError(302),
  'HTTP status 429 with Retry-After': () => new DohStatusError(429, 30_000),
  'a web page': () => new Dns4torError('ERR_DOH_CONTENT_TYPE'),
  'a body that is not DNS': () => Uint8Array.of(1, 2, 3),
  SERVFAIL: withRcode(2),
  REFUSED: withRcode(5),
};

for (const [what, fault] of Object.entries(UNUSABLE)) {
  for (const turned of [0, 1, 2]) {
    test(`every third connection gives ${what} at once: no lookup fails (offset ${turned})`, async () => {
      await using fixture = await createPool({
        candidates: 10,
        fault: (connection) => (connection % 3 === turned ? fault : undefined),
        typicalMs: (connection) => (connection % 3 === turned ? 100 : 200),
      });
      const before = fixture.network.queries;
      const times = await fixture.askMany(120, 100);
      assert.equal(times.filter((time) => time === Infinity).length, 0);
      assert.ok(fixture.network.queries - before < 1.3 * 120, `${fixture.network.queries - before}`);
      assert.ok(
        fixture.connections.every(({ number, isOpen }) => !isOpen || number % 3 !== turned),
        'a connection with unusable responses is still open',
      );
    });
  }
}

test('SERVFAIL is returned if two connections agree, and neither is replaced', async () => {
  await using fixture = await createPool();
  await fixture.askMany(10, 500);
  const before = fixture.connections.length;
  const rcodes: number[] = [];
  fixture.network.init.fault = () => withRcode(2);
  for (let i = 0; i < 3; i++) {
    const asking = fixture.start();
    await fixture.advance(20_000);
    rcodes.push(((await asking)[3] as number) & 15);
  }
  assert.deepEqual(rcodes, [2, 2, 2]);
  assert.ok(fixture.connections.length - before <= 1);
});

test('while no connection gives usable answers, queries are not doubled and new connections become rare', async () => {
  await using fixture = await createPool();
  fixture.network.init.fault = () => () => new DohStatusError(503);
  const before = { queries: fixture.network.queries, connections: fixture.connections.length };
  const times = await fixture.askMany(600, 1000);
  assert.ok(times.every((time) => time === Infinity));
  assert.ok(fixture.network.queries - before.queries < 2 * 600, `${fixture.network.queries - before.queries}`);
  assert.ok(
    fixture.connections.length - before.connections <= 35,
    `${fixture.connections.length - before.connections}`,
  );
});

test('a query with an unusable response fails at once while the breaker is open', async () => {
  // Three attempts fail, the fourth connects, and the fifth is still in progress.
  await using fixture = await createPool({
    connections: 1,
    isUnopenable: (connection) => connection < 3,
    fault: () => () => new DohStatusError(503),
    typicalMs: byNumber(100, 100, 100, 100, 100_000),
    isUnused: true,
  });
  await assert.rejects(fixture.ask(), { code: 'ERR_TOR_TIMEOUT' });
  await fixture.advance(5000);
  assert.deepEqual(fixture.pool.breakerStates, ['open']);
  assert.equal(fixture.pool.openConnections, 1);
  await assert.rejects(fixture.ask(), { code: 'ERR_DOH_STATUS' });
});

test('a query that waits for a candidate fails as soon as the candidate cannot be opened', async () => {
  await using fixture = await createPool({
    connections: 1,
    isUnopenable: (connection) => connection > 0,
    fault: () => () => new DohStatusError(503),
    typicalMs: byNumber(100, 1000),
    isUnused: true,
  });
  const startedAt = fixture.clock.now();
  await assert.rejects(fixture.ask(), { code: 'ERR_DOH_STATUS' });
  assert.ok(fixture.clock.now() - startedAt < 5000, `${fixture.clock.now() - startedAt}`);
});

test('a query that waits for a candidate fails as soon as the candidate is discarded', async () => {
  // The first connection fails for this query only. It has proved reliable when the slower candidate opens.
  const other = queryFor('other.test');
  await using fixture = await createPool({
    connections: 1,
    fault: (connection) =>
      connection === 0 ? (query) => (query[13] === other[13] ? answerTo(query) : new DohStatusError(503)) : undefined,
    typicalMs: byNumber(100, 1000),
    isUnused: true,
  });
  const startedAt = fixture.clock.now();
  const failing = assert.rejects(fixture.start(), { code: 'ERR_DOH_STATUS' });
  await fixture.advance(600);
  const answered = fixture.pool.exchange(other, { deadline: Deadline.after(fixture.clock, 20_000) });
  await fixture.advance(4000);
  await answered;
  await failing;
  assert.equal(fixture.connections[1]?.isOpen, false);
  assert.ok(fixture.clock.now() - startedAt < 5000);
});

test('a connection gets no query while Retry-After is in force, even if it is the fastest', async () => {
  await using fixture = await createPool({ connections: 2, typicalMs: byNumber(100, 300) });
  const [first] = fixture.connections;
  assert.ok(first !== undefined);
  fixture.network.init.fault = (connection) => (connection === 0 ? () => new DohStatusError(429, 10_000) : undefined);
  await fixture.ask();
  fixture.network.init.fault = undefined;
  first.asked = 0;
  await fixture.askMany(9, 1000);
  assert.equal(first.asked, 0);
});

test('a connection with status 429 gets no query until Retry-After (RFC 9110 §10.2.3)', async () => {
  /** Times of the queries, by connection. */
  const askedAt = new Map<number, number[]>();
  await using rig = await startRig(
    (request) => {
      const { connection } = request;
      askedAt.set(connection, [...(askedAt.get(connection) ?? []), rig.clock.now()]);
      if (connection !== 0) return answer(request);
      return { status: 429, headers: { 'retry-after': String(RETRY_AFTER_MS / 1000) }, body: Buffer.alloc(0) };
    },
    { connections: 3 },
  );
  for (let i = 0; rig.clock.now() < TEST_MS; i++) {
    await advanceUntilSettled(rig, rig.ask(`n${i}.test`));
    await rig.clock.advanceAsync(QUERY_INTERVAL_MS);
  }
  const times = askedAt.get(0) ?? [];
  assert.ok(times.length > 0, 'the first connection got no query');
  for (const [i, at] of times.entries()) {
    if (i > 0) assert.ok(at - (times[i - 1] ?? 0) >= RETRY_AFTER_MS, `queries at ${times.join(', ')} ms`);
  }
});
