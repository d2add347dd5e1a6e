import { open } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { Cache } from '../../../src/cache/cache.ts';
import { loadLists } from '../../../src/daemon/local/list-files.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { systemRandom } from '../../../src/lib/random.ts';
import { parseAnswer } from '../../../src/message/answer/answer.ts';
import { createCounters } from '../../../src/metrics/counters.ts';
import type { Handler } from '../../../src/model/query.ts';
import { HASH_KEY_BYTES } from '../../../src/policy/blocking/name-hash.ts';
import type { NameSet } from '../../../src/policy/blocking/name-set.ts';
import { Policy, type PolicyInit } from '../../../src/policy/policy.ts';
import { createPipeline } from '../../../src/resolver/pipeline.ts';
import { RetryBudget } from '../../../src/upstream/pool/retry-budget.ts';
import { addressRecord, ask, buildResponse } from '../../../test/fixtures/dns/messages.ts';
import { createTemporaryDirectory } from '../../../test/fixtures/temporary-directory.ts';
import { median } from '../../latencies.ts';

/** How much is measured. */
export interface ListsInit {
  readonly names: number;
  /** Calls per measurement. */
  readonly calls: number;
  /** Pairs of measurements of a cache hit without and with lists. */
  readonly pairs: number;
  readonly onStep?: (step: string) => void;
}

/** Costs of a block list. */
export interface ListsCosts {
  readonly names: number;
  readonly fileBytes: number;
  /** Of the table. */
  readonly bytes: number;
  /** Growth of the process while the list was loaded: the table and everything else. */
  readonly grownBytes: number;
  readonly loadMs: number;
  /** Longest time in which the event loop did nothing else while the list was loaded. */
  readonly stallMs: number;
  /** Looking up a name that is not in the list. */
  readonly missNanos: number;
  /** The whole answer for a name that is in the list. */
  readonly blockNanos: number;
  /** A query that is answered from the cache, without and with the list. */
  readonly hitNanos: { readonly without: number; readonly with: number };
  /** Median of the ratios with/without, measured in pairs. */
  readonly hitRatio: number;
}

const LINES_PER_WRITE = 10_000;
const LABELS = ['ads', 'track', 'pixel', 'metrics', 'beacon', 'cdn', 'stat', 'click', 'banner', 'log'];

/** A name like those of public lists, which are 22 characters long on average. */
function nameOf(index: number): string {
  return `${LABELS[index % LABELS.length]}${index.toString(36)}.example-${(index * 7919) % 100_003}.com`;
}

/** The list has its names in three formats. */
function lineOf(index: number): string {
  const name = nameOf(index);
  return index % 3 === 0 ? `0.0.0.0 ${name}` : index % 3 === 1 ? `||${name}^` : name;
}

/** Returns the size of the file. In parts, so that little garbage is left when the measurement starts. */
async function writeList(path: string, names: number): Promise<number> {
  await using file = await open(path, 'w');
  let bytes = 0;
  for (let start = 0; start < names; start += LINES_PER_WRITE) {
    const length = Math.min(LINES_PER_WRITE, names - start);
    const { bytesWritten } = await file.write(Array.from({ length }, (_, i) => `${lineOf(start + i)}\n`).join(''));
    bytes += bytesWritten;
  }
  return bytes;
}

/** Generates a list, loads it, and measures what it costs. */
export async function measureLists({ names, calls, pairs, onStep = () => {} }: ListsInit): Promise<ListsCosts> {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'list');
  onStep(`generating ${names} names`);
  const fileBytes = await writeList(path, names);

  onStep('loading');
  const key = systemRandom.bytes(HASH_KEY_BYTES);
  const before = process.memoryUsage().arrayBuffers;
  const stall = watchStalls();
  const startedAt = systemClock.now();
  const { names: lists } = await loadLists([{ path, kind: 'block' }], key);
  const loadMs = systemClock.now() - startedAt;
  const stallMs = stall.end();
  const grownBytes = process.memoryUsage().arrayBuffers - before;

  onStep('answering');
  const policy = policyWith(lists);
  const missing = Array.from({ length: 1000 }, (_, i) => ask({ name: `www.host-${i}.example.org` }));
  const blocked = Array.from({ length: 1000 }, (_, i) => ask({ name: nameOf(i * 7) }));
  const missNanos = nanosPer(calls, (i) => void policy.answer(missing[i % 1000]!));
  const blockNanos = nanosPer(calls, (i) => void policy.answer(blocked[i % 1000]!));

  const plain = createHit(policyWith());
  const listed = createHit(policy);
  const measured = Array.from({ length: pairs }, (_, pair) => {
    // In turn, so that neither has the warmer machine.
    const order = pair % 2 === 0 ? [plain, listed] : [listed, plain];
    const [first = 0, second = 0] = order.map((hit) => nanosPer(calls, hit));
    return pair % 2 === 0 ? { without: first, with: second } : { without: second, with: first };
  });
  return {
    names: lists.counts.block,
    fileBytes,
    bytes: lists.bytes,
    grownBytes,
    loadMs,
    stallMs,
    missNanos,
    blockNanos,
    hitNanos: {
      without: median(measured.map(({ without }) => without)),
      with: median(measured.map((pair) => pair.with)),
    },
    hitRatio: median(measured.map((pair) => pair.with / pair.without)),
  };
}

function policyWith(lists?: NameSet): Policy {
  const init: PolicyInit = { deniesUndelegated: true, removesPrivate: true };
  return new Policy(lists === undefined ? init : { ...init, lists });
}

/** A query that the whole pipeline answers from the cache. */
function createHit(policy: Policy): () => void {
  const metrics = createCounters(['bench'], 1);
  const cache = new Cache({ clock: systemClock, random: systemRandom, metrics }, { maxBytes: 2 ** 20, maxStaleMs: 0 });
  const query = ask({ name: 'www.example.org' });
  const records = [addressRecord('www.example.org', 3600)];
  cache.insert(query, parseAnswer(buildResponse({ name: 'www.example.org', answers: records })));
  const upstream = { address: 'bench', exchange: () => new Promise<never>(() => {}), async [Symbol.asyncDispose]() {} };
  const budget = new RetryBudget();
  const handler: Handler = createPipeline(
    { cache, upstream, clock: systemClock, metrics, policy: () => policy, budget },
    { timeoutMs: 1000, prefetch: false, maxInFlight: 1, maxInFlightPerClient: 1 },
  );
  const reply = new Uint8Array(1232);
  return () => {
    if (typeof handler(query, reply) !== 'number') throw new Error('not from the cache');
  };
}

function nanosPer(calls: number, call: (index: number) => void): number {
  for (let i = 0; i < calls / 10; i++) call(i);
  const startedAt = systemClock.now();
  for (let i = 0; i < calls; i++) call(i);
  return ((systemClock.now() - startedAt) / calls) * 1e6;
}

/** Measures the longest time between two turns of the event loop. */
function watchStalls(): { end(): number } {
  let longestMs = 0;
  let lastAt = systemClock.now();
  let isOver = false;
  const turn = (): void => {
    const now = systemClock.now();
    longestMs = Math.max(longestMs, now - lastAt);
    lastAt = now;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  return {
    end() {
      isOver = true;
      return longestMs;
    },
  };
}
