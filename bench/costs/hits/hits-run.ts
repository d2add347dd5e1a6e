import assert from 'node:assert/strict';
import { cpuSeconds, residentBytes } from '../../../test/fixtures/process/process-usage.ts';
import { holdToCore, MEASURED_CORE } from '../cores.ts';
import { runDnsperf } from '../dnsperf.ts';
import { startDohUpstream } from '../servers/doh-upstream.ts';
import { labelOf, startOurs, UDP_IOS } from '../servers/ours.ts';
import { PEERS, type RunningServer, startEcho } from '../servers/peers.ts';
import { startPlainAuthority } from '../servers/plain-authority.ts';

/** A load on a server. */
export interface Load {
  readonly label: string;
  /** Undefined: as many as are answered. */
  readonly queriesPerSecond?: number;
  /** Maximum queries in flight. */
  readonly outstanding: number;
}

/**
 * At a fixed rate, no more queries may be in flight than Linux's default socket buffer holds. If the load
 * generator itself pauses, it catches up in one burst, and an overflow then would not be the server's fault.
 */
export const LOADS = [
  { label: 'saturation', outstanding: 100 },
  { label: '10,000/s', queriesPerSecond: 10_000, outstanding: 250 },
  { label: '50,000/s', queriesPerSecond: 50_000, outstanding: 250 },
] as const satisfies readonly Load[];

export const ECHO = 'dgram echo, no DNS';

export interface HitsOptions {
  /** Number of names, all in every cache, that are looked up in turn. */
  readonly names: number;
  readonly rounds: number;
  /** Warm-up of each server, so that JIT compilation is over. */
  readonly warmUpSeconds: number;
  /** Duration of each load. */
  readonly seconds: number;
  /** Called with a description of each step. */
  readonly onStep: (text: string) => void;
}

/** One server under one load, once. */
export interface Hits {
  readonly server: string;
  readonly load: string;
  readonly answersPerSecond: number;
  /** CPU time of the server's process per answer, in microseconds. */
  readonly cpuMicros: number;
  /** Utilisation of one core: near 1 at saturation, unless the load generator is the bottleneck. */
  readonly cpuShare: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly lost: number;
  readonly residentBytes: number;
}

interface Contender {
  readonly label: string;
  readonly server: RunningServer;
}

/** Loads servers with questions that are in their caches. In each round, servers take turns. */
export async function runHits(options: HitsOptions): Promise<Hits[]> {
  const { names, rounds, warmUpSeconds, seconds, onStep } = options;
  const questions = Array.from({ length: names }, (_, i) => `n${i}.dns4tor-lab.net A`);
  await using resources = new AsyncDisposableStack();
  const contenders: Contender[] = [];
  const enter = async (label: string, start: () => Promise<RunningServer>): Promise<void> => {
    onStep(`Starting ${label}`);
    const server = resources.use(await start());
    await holdToCore(server.pid, MEASURED_CORE);
    contenders.push({ label, server });
  };

  const upstream = resources.use(await startDohUpstream());
  const authority = resources.use(await startPlainAuthority());
  for (const udpIo of UDP_IOS) await enter(labelOf(udpIo), () => startOurs(upstream, udpIo));
  for (const peer of PEERS) await enter(peer.label, () => peer.start(authority.port));
  await enter(ECHO, startEcho);

  for (const { label, server } of contenders) {
    onStep(`Warming up ${label}`);
    const { rcodes } = await runDnsperf({ port: server.port, questions, outstanding: 20, timeoutSeconds: 5 });
    assert.deepEqual(rcodes, { NOERROR: names }, `${label} did not answer each name once`);
    await runDnsperf({ port: server.port, questions, outstanding: 100, seconds: warmUpSeconds });
  }

  const results: Hits[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const load of LOADS) {
      for (const contender of contenders) {
        onStep(`Round ${round} of ${rounds}, ${load.label}: ${contender.label}`);
        results.push(await measure(contender, load, questions, seconds));
      }
    }
  }
  return results;
}

async function measure(
  { label, server: { pid, port } }: Contender,
  { label: load, ...rate }: Load,
  questions: readonly string[],
  seconds: number,
): Promise<Hits> {
  const before = await cpuSeconds(pid);
  const result = await runDnsperf({ port, questions, seconds, ...rate });
  const cpu = (await cpuSeconds(pid)) - before;
  return {
    server: label,
    load,
    answersPerSecond: result.answersPerSecond,
    cpuMicros: (cpu / result.completed) * 1e6,
    cpuShare: (cpu * result.answersPerSecond) / result.completed,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    lost: result.lost,
    residentBytes: await residentBytes(pid),
  };
}
