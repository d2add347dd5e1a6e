// Run by million-names.test.ts in its own process. Inside a test, promises cost ten times as much, and the test
// runner uses memory too.
import { createCounters } from '../../../src/metrics/counters.ts';
import type { Upstream } from '../../../src/upstream/upstream.ts';
import { createCache, totalBytes } from '../../cache/cache-rig.ts';
import { buildQuery, rawName, receive } from '../../fixtures/dns/messages.ts';
import { createResolver } from '../../resolver/harness.ts';
import { addressOf, RCODE, RESPONSE_FLAGS, responseTo, startOfAuthority } from '../upstream-messages.ts';

/** The result, in octets and counts. */
export interface Flood {
  readonly upstreamRequests: number;
  /** Upstream requests for the recurring names after the first. */
  readonly hotMisses: number;
  readonly cacheBytes: number;
  /** Resident set size after garbage collection: before, after half of the names, and after all. */
  readonly resident: { readonly before: number; readonly afterHalf: number; readonly after: number };
  /** Growth of V8's heap and array buffers, without garbage. */
  readonly keptBytes: number;
}

/** Offset of the first label's characters. */
const LABEL_OFFSET = 13;
const LABEL_CHARACTERS = 8;

/** Interval between queries for the recurring names, in other names. */
const HOT_INTERVAL = 1000;

/** A different name for each serial number below 2^32, in pseudo-random order (Knuth's multiplicative hashing). */
function labelOf(serial: number): string {
  return (Math.imul(serial + 1, 0x9e37_79b1) >>> 0).toString(16).padStart(LABEL_CHARACTERS, '0');
}

function collectGarbage(): void {
  for (let i = 0; i < 3; i++) globalThis.gc?.();
}

function residentBytes(): number {
  collectGarbage();
  return process.memoryUsage.rss();
}

function usedBytes(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Queries this many names once, half of which exist as under a wildcard, and two recurring names. */
async function flood(names: number, maxBytes: number): Promise<Flood> {
  const template = buildQuery({ name: `${'0'.repeat(LABEL_CHARACTERS)}.dns4tor-lab.net` });
  const existing = responseTo(template, { answers: [addressOf()] });
  const denied = responseTo(template, {
    flags: RESPONSE_FLAGS | RCODE.nxdomain,
    authorities: [startOfAuthority(rawName('dns4tor-lab', 'net'), 3600, 3600)],
  });
  let upstreamRequests = 0;
  const upstream: Upstream = {
    address: 'https://double.test/dns-query',
    async exchange(query) {
      upstreamRequests++;
      const response = new Uint8Array(upstreamRequests % 2 === 0 ? existing : denied);
      response.set(query.subarray(LABEL_OFFSET, LABEL_OFFSET + LABEL_CHARACTERS), LABEL_OFFSET);
      return response;
    },
    async [Symbol.asyncDispose]() {},
  };
  const { cache, clock } = createCache(maxBytes);
  const { handle } = createResolver(upstream, { clock, counters: createCounters([], 0), cache });
  const ask = async (label: string): Promise<void> => {
    const wire = Buffer.from(template);
    wire.write(label, LABEL_OFFSET, 'latin1');
    await handle(receive(wire));
  };

  const usedBefore = usedBytes();
  const residentBefore = residentBytes();
  let residentAfterHalf = 0;
  let hotMisses = 0;
  await ask('deniedis');
  await ask('existing');
  for (let serial = 0; serial < names; serial++) {
    await ask(labelOf(serial));
    if (serial === Math.floor(names / 2)) residentAfterHalf = residentBytes();
    if (serial % HOT_INTERVAL !== 0) continue;
    const before = upstreamRequests;
    await ask('deniedis');
    await ask('existing');
    hotMisses += upstreamRequests - before;
  }
  const resident = { before: residentBefore, afterHalf: residentAfterHalf, after: residentBytes() };
  const keptBytes = usedBytes() - usedBefore;
  return { upstreamRequests, hotMisses, cacheBytes: totalBytes(cache), resident, keptBytes };
}

const [names, maxBytes] = process.argv.slice(2).map(Number);
process.stdout.write(`${JSON.stringify(await flood(names ?? 0, maxBytes ?? 0))}\n`);
