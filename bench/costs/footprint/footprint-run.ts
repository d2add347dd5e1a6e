import assert from 'node:assert/strict';
import { delay, systemClock } from '../../../src/lib/clock.ts';
import { cleanEnvironment, dns4tor, startDaemon } from '../../../test/fixtures/daemon.ts';
import { startProcess } from '../../../test/fixtures/process.ts';
import { residentBytes } from '../../../test/fixtures/process-usage.ts';
import { metric } from '../../../test/protocol/daemon-health.ts';
import { runDnsperf } from '../dnsperf.ts';
import { type DohUpstream, startDohUpstream } from '../servers/doh-upstream.ts';

const START_TIMEOUT_MS = 10_000;
/** Logged when all sockets are open. */
const LISTENING = 'Starting DNS over HTTPS proxy server';

const CACHE_SIZE = '256MiB';
/** Maximum queries in flight, below dns4tor's limit per client. */
const OUTSTANDING = 200;

/** Of each name there are four entries: these, and that a name beside it does not exist. */
const TYPES: readonly string[] = ['A', 'AAAA', 'HTTPS'];
const ENTRIES_EACH = TYPES.length + 1;

export interface FootprintOptions {
  /** How often it is started. */
  readonly starts: number;
  /** How many answers it is given to keep: a multiple of four. */
  readonly entries: number;
  /** How long it is left alone before its memory is looked at. */
  readonly restMs: number;
  /** Is told what is done next. */
  readonly onStep: (text: string) => void;
}

export interface Footprint {
  /** Of each start, from the process's to when it takes queries. */
  readonly listeningMs: readonly number[];
  /** What of the process is in RAM when answers come and it has been at rest. */
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
