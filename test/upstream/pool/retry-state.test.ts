import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode } from 'dns-packet';
import { DROPS, dropConnection, resetStream } from '../../fixtures/dns/doh-behaviours.ts';
import type { DohBehaviour } from '../../fixtures/dns/recording-doh-server.ts';
import { advanceUntilSettled, answer, type Rig, startRig } from '../rig.ts';

const nameIn = (query: Uint8Array): string => decode(Buffer.from(query)).questions?.[0]?.name ?? '';

/** Applies `behaviour` to names that begin with `prefix`, and answers the others. */
function except(prefix: string, behaviour: DohBehaviour): DohBehaviour {
  return (request) => (nameIn(request.query).startsWith(prefix) ? behaviour : answer)(request);
}

function asked({ server }: Rig, name: string): number {
  return server.requests.filter(({ query }) => nameIn(query) === name).length;
}

for (const [what, drop] of [...Object.entries(DROPS), ['a stream reset', resetStream]] as const) {
  for (const connections of [1, 3]) {
    test(`${what} twice: the query is the cause if a probe is answered (${connections} connections)`, async () => {
      await using rig = await startRig(except('bad', drop), { connections });
      await assert.rejects(advanceUntilSettled(rig, rig.ask('bad.test')), { code: 'ERR_QUERY_DROPS_CONNECTION' });
      assert.equal(asked(rig, 'bad.test'), 2);
      assert.deepEqual(rig.upstream.breakerStates, ['closed']);
      assert.equal(rig.upstream.failure, undefined);
      await advanceUntilSettled(rig, rig.ask('good.test'));
    });
  }
}

for (const connections of [1, 2, 3]) {
  test(`queries that share lost connections with the cause are answered (${connections} connections)`, async () => {
    await using rig = await startRig(
      // The cause is sent last, so that all others are in flight when the connection ends.
      async (request) => {
        const name = nameIn(request.query);
        if (name === 'bad.test') return dropConnection(request);
        await new Promise((resolve) => setTimeout(resolve, name.startsWith('good') ? 30 : 0));
        return answer(request);
      },
      { connections },
    );
    const good = Array.from({ length: 10 }, (_, i) => rig.ask(`good${i}.test`));
    const bad = assert.rejects(rig.ask('bad.test'), { code: 'ERR_QUERY_DROPS_CONNECTION' });
    await advanceUntilSettled(rig, Promise.all([...good, bad]));
    assert.ok(asked(rig, 'bad.test') <= 3, `${asked(rig, 'bad.test')}`);
    assert.deepEqual(rig.upstream.breakerStates, ['closed']);
    assert.equal(rig.upstream.queueDepth, 0);
  });
}

test('if the resolver closes the connection on every query, the breaker opens and no query is the cause', async () => {
  await using rig = await startRig(dropConnection, { connections: 3 });
  for (let i = 0; i < 2; i++) {
    await assert.rejects(advanceUntilSettled(rig, rig.ask(`n${i}.test`)), { code: 'ERR_UPSTREAM_CONNECTION' });
  }
  assert.deepEqual(rig.upstream.breakerStates, ['open']);
});
