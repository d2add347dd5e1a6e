import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { createSeededRandom } from '../../../bench/onion/seeded-random.ts';
import { delay } from '../../../src/lib/clock.ts';
import { neverAnswer, resetStream } from '../../fixtures/dns/doh-behaviours.ts';
import { questionOf } from '../../protocol/upstream-messages.ts';
import { answer, type Rig, startRig } from '../rig.ts';

/*
 * Simulates a resolver that tries to link connections of one client. Whenever it sees the same question on two of them,
 * it links them. Hedges and retries show it such pairs, so all connections of one generation may be linked; those of
 * different generations must not be.
 */

const LIFETIME_MS = 60_000;
/** Lifetimes vary by plus or minus a fifth. */
const LONGEST_LIFETIME_MS = 1.2 * LIFETIME_MS;
const PATIENCE_MS = 10_000;
const EVERY_MS = 150;
const GENERATIONS = 5;

interface Seen {
  readonly connection: number;
  readonly at: number;
}

/** Connections that the resolver has linked, with the times of the first and last query on them. */
interface Chain {
  readonly connections: ReadonlySet<number>;
  readonly firstAt: number;
  readonly lastAt: number;
}

/** Links connections on which the same question was seen. */
function chainsOf(byQuestion: ReadonlyMap<string, readonly Seen[]>): readonly Chain[] {
  let chains: Chain[] = [];
  for (const seen of byQuestion.values()) {
    const connections = new Set(seen.map(({ connection }) => connection));
    const joined = chains.filter((chain) => [...connections].some((connection) => chain.connections.has(connection)));
    const times = seen.map(({ at }) => at);
    chains = chains.filter((chain) => !joined.includes(chain));
    chains.push({
      connections: new Set([...connections, ...joined.flatMap((chain) => [...chain.connections])]),
      firstAt: Math.min(...times, ...joined.map(({ firstAt }) => firstAt)),
      lastAt: Math.max(...times, ...joined.map(({ lastAt }) => lastAt)),
    });
  }
  return chains;
}

/** Draws a response time: half within 300 ms, one in ten above 2 s, a few after the client's time-out. */
function drawDelayMs(fraction: number): number {
  return 150 / (1.01 - fraction);
}

/** Sends a query for a new name every {@link EVERY_MS}, and collects what the resolver sees. */
async function watch(lifetimes: number): Promise<{ readonly rig: Rig; readonly byQuestion: Map<string, Seen[]> }> {
  const chance = createSeededRandom(7);
  const byQuestion = new Map<string, Seen[]>();
  const rig = await startRig(
    async (request) => {
      const { connection, query } = request;
      const question = Buffer.from(questionOf(query)).toString('latin1');
      // Probes are equal for all clients.
      const isOfClient = question.includes('asked');
      if (isOfClient)
        byQuestion.set(question, [...(byQuestion.get(question) ?? []), { connection, at: rig.clock.now() }]);
      const luck = chance.fraction();
      if (luck < 0.005) return neverAnswer(request);
      if (luck < 0.02) return resetStream(request);
      if (luck < 0.03) return { status: 503, body: Buffer.alloc(0) };
      await delay(rig.clock, drawDelayMs(chance.fraction()));
      return answer(request);
    },
    { connections: 3, lifetimeMs: LIFETIME_MS, random: createSeededRandom(11) },
  );
  for (let i = 0; rig.clock.now() < lifetimes * LONGEST_LIFETIME_MS; i++) {
    rig.budget.earn();
    rig.ask(`${i}.asked.test`, PATIENCE_MS).catch(() => {});
    for (let turn = 0; turn < 30; turn++) await setImmediate();
    await rig.clock.advanceAsync(EVERY_MS);
  }
  return { rig, byQuestion };
}

test('a resolver that links connections by equal questions finds no link across a rotation', async (t) => {
  const { rig, byQuestion } = await watch(GENERATIONS);
  await using _ = rig;
  const chains = chainsOf(byQuestion);
  const pairs = [...byQuestion.values()].filter((seen) => new Set(seen.map(({ connection }) => connection)).size > 1);
  const longest = Math.max(...chains.map(({ firstAt, lastAt }) => lastAt - firstAt));
  t.diagnostic(
    `${byQuestion.size} questions, ${pairs.length} seen on several connections, ${rig.server.connections} connections, ` +
      `${chains.length} chains of ${chains.map(({ connections }) => connections.size).join(', ')}, ` +
      `the longest over ${(longest / 1000).toFixed(0)} s`,
  );
  assert.ok(pairs.length >= byQuestion.size / 20, `only ${pairs.length} questions were seen on several connections`);
  assert.ok(chains.length >= GENERATIONS, `${chains.length} chains in ${GENERATIONS} lifetimes`);
  // A query that began at the end of a generation may be retried in it until its deadline.
  assert.ok(longest <= LONGEST_LIFETIME_MS + PATIENCE_MS, `a chain over ${longest} ms`);
});
