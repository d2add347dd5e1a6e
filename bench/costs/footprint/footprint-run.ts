import assert from 'node:assert/strict';
import { delay, systemClock } from '../../../src/lib/clock.ts';
import { cleanEnvironment, dns4tor, startDaemon } from '../../../test/fixtures/process/daemon.ts';
import { startProcess } from '../../../test/fixtures/process/process.ts';
import { residentBytes } from '../../../test/fixtures/process/process-usage.ts';
import { metric } from '../../../test/protocol/daemon-health.ts';
import { runDnsperf } from '../dnsperf.ts';
import { type DohUpstream, startDohUpstream } from '../servers/doh-upstream.ts';

const START_TIMEOUT_MS = 10_000;
/** Logged when all sockets are open. */
const LISTENING = 'Starting DNS over HTTPS proxy server';

const CACHE_SIZE = '256MiB';
/** Maximum queries in flight, below dns4tor's limit per client. */
const OUTSTANDING = 200;

/** Each name fills four entries: one per type, and the negative answer for another name. */
const TYPES: readonly string[] = ['A', 'AAAA', 'HTTPS'];
const ENTRIES_EACH = TYPES.length + 1;

export interface FootprintOptions {
  /** Number of starts to time. */
  readonly starts: number;
  /** Number of answers to cache: a multiple of four. */
  readonly entries: number;
  /** Rest before each measurement of memory. */
  readonly restMs: number;
  /** Called with a description of each step. */
  readonly onStep: (text: string) => void;
}

export interface Footprint {
  /** Time of each start, from that of the process until it takes queries. */
  readonly listeningMs: readonly number[];
  /** RSS once it answers, after a rest. */
  readonly idleBytes: number;
  /** RSS with the entries in the cache: at once, and after a rest. */
  readonly filledBytes: number;
  readonly restedBytes: number;
  readonly entries: number;
  /** Their size as the cache counts it. */
  readonly cacheBytes: number;
}

export async function measureFootprint({ starts, entries, restMs, onStep }: FootprintOptions): Promise<Footprint> {
  await using upstream = await startDohUpstream();
  const listeningMs: number[] = [];
  for (let start = 1; start <= starts; start++) {
    onStep(`Start ${start} of ${starts}`);
    listeningMs.push(await timeStart(upstream));
  }

  await using daemon = await startDaemon([...upstream.flags, '--cache-size', CACHE_SIZE]);
  const { pid } = daemon.process;
  const resident = async (): Promise<number> => residentBytes(pid);
  await daemon.answers();
  await delay(systemClock, restMs);
  const idleBytes = await resident();

  onStep(`Filling the cache with ${entries} answers`);
  const names = entries / ENTRIES_EACH;
  const questions = Array.from({ length: names }, (_, i) => [
    ...TYPES.map((type) => `www.example-${i}.dns4tor-lab.net ${type}`),
    `denied-${i}.dns4tor-lab.net A`,
  ]).flat();
  const { rcodes } = await runDnsperf({ port: daemon.port, questions, outstanding: OUTSTANDING, timeoutSeconds: 10 });
  assert.deepEqual(rcodes, { NOERROR: names * TYPES.length, NXDOMAIN: names }, 'not every name was answered');
  const filledBytes = await resident();
  await delay(systemClock, restMs);
  const restedBytes = await resident();
  return {
    listeningMs,
    idleBytes,
    filledBytes,
    restedBytes,
    // Last, because the first scrape loads the code that renders metrics.
    entries: await metric(daemon, 'coredns_cache_entries'),
    cacheBytes: await metric(daemon, 'dns4tor_cache_bytes'),
  };
}

async function timeStart(upstream: DohUpstream): Promise<number> {
  const listening = Promise.withResolvers<number>();
  const [program, ...programArgs] = dns4tor();
  const args = [...programArgs, 'proxy-dns', '--address', '127.0.0.1', '--port', '0', ...upstream.flags];
  const startedAt = systemClock.now();
  await using running = await startProcess(program, args, {
    env: cleanEnvironment(),
    onLine: (line) => {
      if (line.includes(LISTENING)) listening.resolve(systemClock.now() - startedAt);
    },
  });
  const giveUp = systemClock.schedule(START_TIMEOUT_MS, () =>
    listening.reject(new Error(`it does not listen; it wrote last: ${running.output}`)),
  );
  try {
    return await listening.promise;
  } finally {
    giveUp.cancel();
  }
}
