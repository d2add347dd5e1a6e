import assert from 'node:assert/strict';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { startDaemon } from '../../../test/fixtures/process/daemon.ts';
import { startProcess } from '../../../test/fixtures/process/process.ts';
import { cpuSeconds } from '../../../test/fixtures/process/process-usage.ts';
import { holdToCore, LOADER_CORE, MEASURED_CORE } from '../cores.ts';
import { runDnsperf } from '../dnsperf.ts';
import { type DohUpstream, startDohUpstream } from '../servers/doh-upstream.ts';

const FLOOR_SCRIPT = fileURLToPath(new URL('miss-floor.ts', import.meta.url));
const START_TIMEOUT_MS = 60_000;

const WARM_UP_OUTSTANDING = 50;
/** Maximum queries in flight, below dns4tor's limit per client. */
const OUTSTANDING = 200;

/** Numbers of circuits to measure: one, as other clients have, and the default. */
export const CIRCUITS = [1, 3] as const;

export interface MissOptions {
  /** Warm-up queries, sent as fast as they are answered, so that JIT compilation is over. */
  readonly warmUpQueries: number;
  readonly queriesPerSecond: number;
  /** Duration of the load on each client in a round. */
  readonly seconds: number;
  readonly rounds: number;
  /** Called with a description of each step. */
  readonly onStep: (text: string) => void;
}

/** The cost of one cache miss in one round. */
export interface Misses {
  readonly client: string;
  /** CPU time of the process per query, in microseconds. */
  readonly cpuMicros: number;
}

/** The bare HTTP/2 client. */
export const FLOOR = 'TLS and HTTP/2 alone';

export function clientLabelOf(circuits: number): string {
  return `dns4tor, ${circuits === 1 ? 'one circuit' : `${circuits} circuits`}`;
}

interface Client {
  readonly label: string;
  readonly pid: number;
  /** Sends requests at the rate. Resolves when all are answered. */
  load(round: number): Promise<void>;
}

/** Measures dns4tor and a bare client with the same requests to the same resolver. In each round they take turns. */
export async function runMisses(options: MissOptions): Promise<Misses[]> {
  const { queriesPerSecond, seconds, rounds, onStep } = options;
  await using resources = new AsyncDisposableStack();
  const upstream = resources.use(await startDohUpstream());
  await holdToCore(upstream.pid, LOADER_CORE);

  const clients: Client[] = [];
  for (const circuits of CIRCUITS) {
    onStep(`Starting ${clientLabelOf(circuits)}`);
    clients.push(await startOurs(upstream, circuits, options, resources));
  }
  onStep(`Starting ${FLOOR}`);
  clients.push(await startFloor(upstream, options, resources));

  const results: Misses[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const client of clients) {
      const { label, pid } = client;
      onStep(`Round ${round} of ${rounds}: ${label}`);
      const before = await cpuSeconds(pid);
      await client.load(round);
      const cpu = (await cpuSeconds(pid)) - before;
      results.push({ client: label, cpuMicros: (cpu / (queriesPerSecond * seconds)) * 1e6 });
    }
  }
  return results;
}

async function startOurs(
  upstream: DohUpstream,
  circuits: number,
  { warmUpQueries, queriesPerSecond, seconds }: MissOptions,
  resources: AsyncDisposableStack,
): Promise<Client> {
  const daemon = resources.use(await startDaemon([...upstream.flags, '--circuits', String(circuits)]));
  await daemon.answers();
  await holdToCore(daemon.process.pid, MEASURED_CORE);
  const ask = async (names: readonly string[], rate: { queriesPerSecond?: number; outstanding: number }) => {
    const questions = names.map((name) => `${name}.dns4tor-lab.net A`);
    const { rcodes } = await runDnsperf({ port: daemon.port, questions, timeoutSeconds: 5, ...rate });
    assert.deepEqual(rcodes, { NOERROR: names.length }, 'not every name was answered');
  };
  await ask(distinct('w', warmUpQueries), { outstanding: WARM_UP_OUTSTANDING });
  return {
    label: clientLabelOf(circuits),
    pid: daemon.process.pid,
    load: (round) =>
      ask(distinct(`r${round}-`, queriesPerSecond * seconds), { queriesPerSecond, outstanding: OUTSTANDING }),
  };
}

function distinct(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}

async function startFloor(
  { socksPort, host, authorityPath }: DohUpstream,
  { warmUpQueries, queriesPerSecond, seconds }: MissOptions,
  resources: AsyncDisposableStack,
): Promise<Client> {
  const counts = [warmUpQueries, queriesPerSecond, seconds].map(String);
  const args = [FLOOR_SCRIPT, String(socksPort), host, authorityPath, ...counts];
  const running = resources.use(await startProcess(process.execPath, args));
  await running.waitUntil('it is warm', START_TIMEOUT_MS, () => running.output.includes('ready'));
  await holdToCore(running.pid, MEASURED_CORE);
  return {
    label: FLOOR,
    pid: running.pid,
    async load(round) {
      running.signal('SIGUSR2');
      const done = (): boolean => running.output.split('answered').length > round;
      await running.waitUntil('its requests are answered', START_TIMEOUT_MS, done);
    },
  };
}
