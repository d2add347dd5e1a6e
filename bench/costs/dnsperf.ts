import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram } from '../../test/fixtures/find-program.ts';
import { startProcess } from '../../test/fixtures/process.ts';
import { createTemporaryDirectory } from '../../test/fixtures/temporary-directory.ts';
import { LOADER_CORE } from './cores.ts';
import { type DnsperfResult, parseDnsperf } from './dnsperf-output.ts';

/** Sockets, as of so many clients; over TCP so many connections, on which queries do not wait for each other's answers. */
export const CLIENTS = 10;

/** How long an answer is waited for; what comes later is lost. */
const TIMEOUT_SECONDS = 1;

export interface DnsperfRun {
  /** Of 127.0.0.1. */
  readonly port: number;
  /** @default 'udp' */
  readonly transport?: 'udp' | 'tcp';
  /** A name and a type in each. */
  readonly questions: readonly string[];
  /** How long the questions are asked over and over; undefined to ask each once. */
  readonly seconds?: number;
  /** Undefined for as many as are answered. */
  readonly queriesPerSecond?: number;
  /** Queries that wait for their answers at a time, at most. */
  readonly outstanding: number;
  /** @default 1 */
  readonly timeoutSeconds?: number;
}

/** Loads a server, from the core of the loader, and tells how it went. */
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
    c: CLIENTS,
    T: 1,
    q: run.outstanding,
    t: run.timeoutSeconds ?? TIMEOUT_SECONDS,
    l: run.seconds,
    n: run.seconds === undefined ? 1 : undefined,
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
  // To a file: a line for each query through a pipe would give this process work, and so the machine, while another is measured.
  const dnsperf = await startProcess('/bin/sh', ['-c', 'exec "$@" > "$0"', outputPath, ...args]);
  const status = await dnsperf.ended;
  if (status !== 0) throw new Error(`dnsperf failed (${status}): ${dnsperf.output}`);
  const output = await readFile(outputPath, 'utf8');
  return parseDnsperf(output);
}
