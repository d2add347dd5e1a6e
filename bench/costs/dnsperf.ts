import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram } from '../../test/fixtures/process/find-program.ts';
import { startProcess } from '../../test/fixtures/process/process.ts';
import { createTemporaryDirectory } from '../../test/fixtures/temporary-directory.ts';
import { LOADER_CORE } from './cores.ts';
import { type DnsperfResult, parseDnsperf } from './dnsperf-output.ts';

/** Number of client sockets; over TCP, of connections with pipelined queries. */
export const CLIENTS = 10;

/** Answers that take longer count as lost. */
const TIMEOUT_SECONDS = 1;

export interface DnsperfRun {
  /** Port on 127.0.0.1. */
  readonly port: number;
  /** @default 'udp' */
  readonly transport?: 'udp' | 'tcp' | 'dot';
  /** Number of client sockets. @default CLIENTS */
  readonly clients?: number;
  /** Queries that a connection carries before it is replaced by another one. @default no limit */
  readonly queriesPerConnection?: number;
  /** Each with a name and a type. */
  readonly questions: readonly string[];
  /** How long the questions are repeated. Undefined: each is sent once. */
  readonly seconds?: number;
  /** Undefined: as many as are answered. */
  readonly queriesPerSecond?: number;
  /** Maximum queries in flight. */
  readonly outstanding: number;
  /** @default 1 */
  readonly timeoutSeconds?: number;
}

/** Loads a server from the load generator's core. */
export async function runDnsperf(run: DnsperfRun): Promise<DnsperfResult> {
  await using directory = await createTemporaryDirectory();
  const questionsPath = join(directory.path, 'questions');
  const outputPath = join(directory.path, 'output');
  await writeFile(questionsPath, run.questions.map((question) => `${question}\n`).join(''));
  const options: Readonly<Record<string, string | number | undefined>> = {
    s: '127.0.0.1',
    p: run.port,
    m: run.transport,
    d: questionsPath,
    c: run.clients ?? CLIENTS,
    T: 1,
    q: run.outstanding,
    t: run.timeoutSeconds ?? TIMEOUT_SECONDS,
    l: run.seconds,
    n: run.seconds === undefined ? 1 : undefined,
    O: run.queriesPerConnection && `num-queries-per-conn=${run.queriesPerConnection}`,
    Q: run.queriesPerSecond,
  };
  const args = [
    await findProgram('taskset'),
    '--cpu-list',
    String(LOADER_CORE),
    await findProgram('dnsperf'),
    '-v',
    ...Object.entries(options).flatMap(([name, value]) => (value === undefined ? [] : [`-${name}`, String(value)])),
  ];
  // To a file: reading a line per query from a pipe would cost this process CPU time during the measurement.
  const dnsperf = await startProcess('/bin/sh', ['-c', 'exec "$@" > "$0"', outputPath, ...args]);
  const status = await dnsperf.ended;
  if (status !== 0) throw new Error(`dnsperf failed (${status}): ${dnsperf.output}`);
  const output = await readFile(outputPath, 'utf8');
  return parseDnsperf(output);
}
