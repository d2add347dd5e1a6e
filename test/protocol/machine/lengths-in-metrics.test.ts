import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { StatusSnapshot } from '../../../src/status/snapshot.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { PATIENCE_MS } from '../../listener/harness.ts';
import { startLab } from '../lab.ts';
import { TRANSPORTS, type Transport } from '../raw-client.ts';

/* Another user can read the metrics before and after a query. The difference must not reveal the length of its name. */

// One circuit, so that every query takes the same path.
const lab = await startLab('--circuits', '1');
after(() => lab[Symbol.asyncDispose]());

/** 17 to 81 characters: with dig's additions, each query fits into the first block of 128 octets. */
const NAME_LENGTHS = [1, 2, 9, 17, 33, 64] as const;
const SUFFIX = 'dns4tor-lab.net';
const MAX_LABEL = 63;
const STEP_BYTES = 65_536;

/** A name not queried before, with `length` characters before the suffix. */
function nameOf(length: number, round: number): string {
  const letters = String.fromCharCode('a'.charCodeAt(0) + round).repeat(length);
  return [...(letters.match(new RegExp(`.{1,${MAX_LABEL}}`, 'g')) ?? []), SUFFIX].join('.');
}

/** Metrics that depend on the time or on the process. They always change by more than one message does. */
const NOISE =
  /_seconds|^process_|^nodejs_(?!external_memory)|^dns4tor_(?:udp_batch|tcp_conn|upstream_in_flight|upstream_queue)/;

async function readFigures(): Promise<Map<string, number>> {
  const { body } = await lab.daemon.page('/metrics');
  const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('#') && !NOISE.test(line));
  const figures = new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
  const snapshot = JSON.parse((await lab.daemon.page('/api/status')).body) as StatusSnapshot;
  for (const [part, values] of Object.entries({ cache: snapshot.cache, totals: snapshot.totals })) {
    for (const [key, value] of Object.entries(values)) figures.set(`status ${part} ${key}`, Number(value));
  }
  return figures;
}

async function differenceOf(query: () => Promise<unknown>): Promise<Record<string, number>> {
  const earlier = await readFigures();
  await query();
  const later = await readFigures();
  const differences = [...later].map(([series, value]) => [series, value - (earlier.get(series) ?? 0)] as const);
  return Object.fromEntries(differences.filter(([series, difference]) => !isNothing(series, difference)));
}

/** Garbage collection can free memory at any time, in whole steps. */
function isNothing(series: string, difference: number): boolean {
  return difference === 0 || (series.startsWith('nodejs_') && difference % STEP_BYTES === 0);
}

async function differencesBy(transport: Transport, round: number): Promise<Record<string, number>[]> {
  const differences: Record<string, number>[] = [];
  for (const length of NAME_LENGTHS) {
    differences.push(await differenceOf(() => lab.ask(transport, { name: nameOf(length, round) })));
  }
  return differences;
}

const SETTLED_POLLS = 20;

/** Resolves when no connection has been opened for a second: one that opens late would change the metrics. */
async function connectionsSettled(): Promise<void> {
  let known = -1;
  let unchanged = 0;
  await waitUntil('no connection is being opened', PATIENCE_MS, async () => {
    const connects = await lab.counter('dns4tor_upstream_connects_total');
    unchanged = connects === known ? unchanged + 1 : 0;
    known = connects;
    return unchanged >= SETTLED_POLLS;
  });
}

for (const [round, transport] of TRANSPORTS.entries()) {
  test(`the metrics change in the same way after a query, however long its name is (${transport})`, async () => {
    await connectionsSettled();
    await lab.ask(transport, { name: `first-${transport}.${SUFFIX}` });
    // First from upstream, then from the cache.
    for (const _ of ['upstream', 'cache']) {
      const [first, ...others] = await differencesBy(transport, round);
      assert.ok(first !== undefined && Object.keys(first).length > 0);
      for (const other of others) assert.deepEqual(other, first);
    }
  });
}
