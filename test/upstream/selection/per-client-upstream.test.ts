import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Dns4torError } from '../../../src/failures/errors.ts';
import { Deadline } from '../../../src/lib/deadline.ts';
import type { BreakerState, ConnectionStatus } from '../../../src/model/upstream-status.ts';
import { PerClientUpstream } from '../../../src/upstream/selection/per-client-upstream.ts';
import type { PooledUpstream } from '../../../src/upstream/upstream.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';

const QUERY = new Uint8Array(128);
const IDLE_MS = 600_000;
const MAX_CLIENTS = 32;

/** A pool that answers with its number, once `held` resolves. */
class PoolDouble implements PooledUpstream {
  readonly breakerStates: readonly BreakerState[] = ['closed'];
  readonly connections: readonly ConnectionStatus[];
  readonly address = 'https://double.test/';
  readonly openConnections = 3;
  readonly queueDepth = 2;
  readonly #number: number;
  readonly #world: World;
  renewals = 0;
  disposed = false;

  constructor(number: number, world: World) {
    this.#number = number;
    this.connections = [{ slot: 0, state: 'open', typicalMs: number, inFlight: 0 }];
    this.#world = world;
  }

  renewAll(): void {
    this.renewals++;
  }

  async exchange(): Promise<Uint8Array> {
    await this.#world.held;
    return Uint8Array.of(this.#number);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disposed = true;
  }
}

interface World {
  /** Answers wait for this promise. */
  held: Promise<void>;
}

interface Fixture extends AsyncDisposable {
  readonly isolated: PerClientUpstream;
  readonly clock: ManualClock;
  readonly world: World;
  /** Pools in the order of their creation. */
  readonly made: readonly PoolDouble[];
  /** Sends a query, and returns the number of the pool that answered. */
  readonly ask: (client?: string) => Promise<number | undefined>;
}

function create(): Fixture {
  const clock = new ManualClock();
  const world: World = { held: Promise.resolve() };
  const made: PoolDouble[] = [];
  const isolated = new PerClientUpstream(
    {
      clock,
      createPool() {
        const pool = new PoolDouble(made.length, world);
        made.push(pool);
        return pool;
      },
    },
    { address: 'https://double.test/', idleMs: IDLE_MS },
  );
  return {
    isolated,
    clock,
    world,
    made,
    ask: async (client) => (await isolated.exchange(QUERY, { deadline: Deadline.after(clock, 10_000), client }))[0],
    [Symbol.asyncDispose]: () => isolated[Symbol.asyncDispose](),
  };
}

test('each client has and keeps a pool of its own', async () => {
  await using fixture = create();
  const { ask } = fixture;
  const asked = ['alice', 'bob', 'alice', 'carol', 'bob', 'alice'];
  assert.deepEqual(await Promise.all(asked.map((client) => ask(client))), [0, 1, 0, 2, 1, 0]);
});

test("a pool with only dns4tor's own queries is given to the first client", async () => {
  await using fixture = create();
  const { ask } = fixture;
  assert.equal(await ask(), 0);
  assert.equal(await ask(), 0);
  assert.equal(await ask('alice'), 0);
  assert.equal(await ask('bob'), 1);
  assert.equal(await ask(), 1);
  assert.equal(await ask('alice'), 0);
  assert.equal(await ask(), 0);
  // dns4tor's query has not moved bob's pool to alice.
  assert.equal(await ask('bob'), 1);
  assert.equal(fixture.made.length, 2);
});

test('an idle pool is discarded after its time', async () => {
  await using fixture = create();
  const { ask, clock, made } = fixture;
  await ask('alice');
  await clock.advanceAsync(IDLE_MS - 1);
  await ask('bob');
  assert.equal(await ask('alice'), 0);
  await clock.advanceAsync(IDLE_MS - 1);
  assert.deepEqual(
    made.map(({ disposed }) => disposed),
    [false, false],
  );
  await clock.advanceAsync(1);
  assert.deepEqual(
    made.map(({ disposed }) => disposed),
    [true, true],
  );
  assert.equal(await ask('alice'), 2);
});

test('a pool with a pending query is not idle, however long the query takes', async () => {
  await using fixture = create();
  const { ask, clock, made, world } = fixture;
  await ask('alice');
  const release = Promise.withResolvers<void>();
  world.held = release.promise;
  const slow = ask('alice');
  await clock.advanceAsync(2 * IDLE_MS);
  assert.equal(made[0]?.disposed, false);
  release.resolve();
  assert.equal(await slow, 0);
  await clock.advanceAsync(IDLE_MS);
  assert.equal(made[0]?.disposed, true);
});

test('with too many clients, the least recently used pool is discarded', async () => {
  await using fixture = create();
  const { ask, made } = fixture;
  for (let i = 0; i < MAX_CLIENTS; i++) await ask(`client ${i}`);
  await ask('client 0');
  assert.equal(await ask('another'), MAX_CLIENTS);
  assert.deepEqual(
    made.flatMap(({ disposed }, i) => (disposed ? [i] : [])),
    [1],
  );
  assert.equal(await ask('client 0'), 0);
  assert.equal(await ask('client 1'), MAX_CLIENTS + 1);
});

test('while all pools are busy, further clients are rejected, and no query is lost', async () => {
  await using fixture = create();
  const { ask, made, world } = fixture;
  const release = Promise.withResolvers<void>();
  world.held = release.promise;
  const answers = Array.from({ length: MAX_CLIENTS }, (_, i) => ask(`client ${i}`));
  await assert.rejects(ask('another'), { code: 'ERR_CLIENTS' });
  release.resolve();
  assert.deepEqual(await Promise.all(answers), [...answers.keys()]);
  assert.equal(await ask('another'), MAX_CLIENTS);
  assert.equal(made.filter(({ disposed }) => disposed).length, 1);
});

test('connections and queries of all pools are added up, and all pools are renewed', async () => {
  await using fixture = create();
  const { ask, isolated, made } = fixture;
  assert.deepEqual([isolated.openConnections, isolated.queueDepth], [0, 0]);
  await Promise.all([ask('alice'), ask('bob')]);
  assert.deepEqual([isolated.openConnections, isolated.queueDepth], [6, 4]);
  isolated.renewAll();
  assert.deepEqual(
    made.map(({ renewals }) => renewals),
    [1, 1],
  );
});

test('a failure is passed on, and the pool is discarded when it is idle', async () => {
  await using fixture = create();
  const { ask, clock, made, world } = fixture;
  world.held = Promise.reject(new Dns4torError('ERR_TOR_TIMEOUT'));
  await assert.rejects(ask('alice'), { code: 'ERR_TOR_TIMEOUT' });
  await clock.advanceAsync(IDLE_MS);
  assert.equal(made[0]?.disposed, true);
});

test('disposing disposes all pools and leaves no timer', async () => {
  const { isolated, ask, clock, made, world } = create();
  await ask('alice');
  const release = Promise.withResolvers<void>();
  world.held = release.promise;
  const late = ask('bob');
  await isolated[Symbol.asyncDispose]();
  release.resolve();
  await late;
  await setImmediate();
  assert.deepEqual(
    made.map(({ disposed }) => disposed),
    [true, true],
  );
  assert.equal(clock.pendingTimers, 0);
  await assert.rejects(ask('carol'), { code: 'ERR_SHUTDOWN' });
  assert.equal(made.length, 2);
});

test('the status lists the connections of all pools without naming clients', async () => {
  await using fixture = create();
  const { ask, isolated } = fixture;
  await ask('alice');
  await ask('bob');
  assert.deepEqual(isolated.connections, [
    { slot: 0, state: 'open', typicalMs: 0, inFlight: 0 },
    { slot: 0, state: 'open', typicalMs: 1, inFlight: 0 },
  ]);
});
