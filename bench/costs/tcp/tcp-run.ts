import { cpuSeconds } from '../../../test/fixtures/process/process-usage.ts';
import { holdToCore, MEASURED_CORE } from '../cores.ts';
import { runDnsperf } from '../dnsperf.ts';
import type { DnsperfResult } from '../dnsperf-output.ts';
import { startDohUpstream } from '../servers/doh-upstream.ts';
import { startOurs } from '../servers/ours.ts';

/** Maximum queries in flight, on all connections together and on all UDP sockets together. */
const TCP_OUTSTANDING = 500;
const UDP_OUTSTANDING = 100;

export interface TcpOptions {
  /** Number of cached names that are looked up in turn. */
  readonly names: number;
  readonly tcpQueriesPerSecond: number;
  readonly udpQueriesPerSecond: number;
  readonly seconds: number;
  /** Called with a description of each step. */
  readonly onStep: (text: string) => void;
}

export interface TcpRun {
  /** UDP without other load. */
  readonly udpAlone: DnsperfResult;
  /** UDP while TCP clients send queries. */
  readonly udpBeside: DnsperfResult;
  readonly tcp: DnsperfResult;
  /** CPU time of dns4tor per answer over either transport, in microseconds. */
  readonly cpuMicros: number;
}

/** Sends pipelined queries over TCP and, at the same time, queries over UDP. */
export async function runTcp(options: TcpOptions): Promise<TcpRun> {
  const { names, tcpQueriesPerSecond, udpQueriesPerSecond, seconds, onStep } = options;
  const questions = Array.from({ length: names }, (_, i) => `n${i}.dns4tor-lab.net A`);
  await using upstream = await startDohUpstream();
  await using server = await startOurs(upstream, 'batch');
  const { port, pid } = server;
  await holdToCore(pid, MEASURED_CORE);
  const udp = { port, questions, seconds, outstanding: UDP_OUTSTANDING, queriesPerSecond: udpQueriesPerSecond };
  const tcp = {
    ...udp,
    transport: 'tcp',
    outstanding: TCP_OUTSTANDING,
    queriesPerSecond: tcpQueriesPerSecond,
  } as const;

  onStep('Warming up');
  await runDnsperf({ port, questions, outstanding: 20, timeoutSeconds: 5 });
  await runDnsperf(tcp);
  onStep('UDP alone');
  const udpAlone = await runDnsperf(udp);
  onStep('TCP, and UDP beside');
  const before = await cpuSeconds(pid);
  const [tcpResult, udpBeside] = await Promise.all([runDnsperf(tcp), runDnsperf(udp)]);
  const cpu = (await cpuSeconds(pid)) - before;
  return {
    udpAlone,
    udpBeside,
    tcp: tcpResult,
    cpuMicros: (cpu / (tcpResult.completed + udpBeside.completed)) * 1e6,
  };
}
