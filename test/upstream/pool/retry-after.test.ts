import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answer, startRig, turnUntilSettled } from '../rig.ts';

const RETRY_AFTER_MS = 10_000;
const ASKED_FOR_MS = 2 * RETRY_AFTER_MS;
const EVERY_MS = 250;

test('a connection that returns 429 gets no query until Retry-After, and the others serve (RFC 9110 §10.2.3)', async () => {
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
  for (let i = 0; rig.clock.now() < ASKED_FOR_MS; i++) {
    await turnUntilSettled(rig, rig.ask(`n${i}.test`));
    await rig.clock.advanceAsync(EVERY_MS);
  }
  const turnedAwayAt = askedAt.get(0) ?? [];
  assert.ok(turnedAwayAt.length > 0, 'the connection that is turned away was never asked');
  for (const [i, at] of turnedAwayAt.entries()) {
    if (i > 0) assert.ok(at - (turnedAwayAt[i - 1] ?? 0) >= RETRY_AFTER_MS, `asked at ${turnedAwayAt.join(', ')} ms`);
  }
});
