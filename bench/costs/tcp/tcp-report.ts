import { formatColumns } from '../../table.ts';
import type { DnsperfResult } from '../dnsperf-output.ts';
import type { Target } from '../target.ts';
import type { TcpRun } from './tcp-run.ts';

export function formatTcp({ udpAlone, udpBeside, tcp, cpuMicros }: TcpRun): string {
  const figures = ({ answersPerSecond, p50Ms, p99Ms, lost }: DnsperfResult): string[] => [
    answersPerSecond.toFixed(0),
    p50Ms.toFixed(3),
    p99Ms.toFixed(3),
    String(lost),
  ];
  const table = formatColumns([
    ['', 'answers/s', 'p50 ms', 'p99 ms', 'lost'],
    ['UDP alone', ...figures(udpAlone)],
    ['UDP beside TCP', ...figures(udpBeside)],
    ['TCP', ...figures(tcp)],
  ]);
  return `${table}\n\nCPU of both together: ${cpuMicros.toFixed(2)} µs/answer`;
}

/** @param queriesPerSecond rate of the queries over TCP */
export function tcpTargetsOf({ udpBeside, tcp }: TcpRun, queriesPerSecond: number): Target[] {
  return [
    {
      what: 'queries per second over TCP, over answers per second',
      value: queriesPerSecond / tcp.answersPerSecond,
      limit: 1.01,
    },
    { what: 'lost of both', value: tcp.lost + udpBeside.lost, limit: 0, unit: 'queries' },
  ];
}
