import assert from 'node:assert/strict';
import { createCertificateAuthority, type ServerCertificate } from '../../../test/fixtures/certificates.ts';
import { cpuSeconds, residentBytes } from '../../../test/fixtures/process/process-usage.ts';
import { holdToCore, MEASURED_CORE } from '../cores.ts';
import { runDnsperf } from '../dnsperf.ts';
import { type DohUpstream, startDohUpstream } from '../servers/doh-upstream.ts';
import type { RunningServer } from '../servers/peers.ts';
import { startPlainAuthority } from '../servers/plain-authority.ts';
import { CONNECT } from './encrypted-client.ts';
import {
  DOH_PATH,
  ENCRYPTED_PEERS,
  FLOOR_OF,
  type FloorAnswer,
  OURS,
  type Protocol,
  startFloor,
  startOurs,
} from './encrypted-servers.ts';
import { runH2load } from './h2load.ts';
import type { ResponseTimes } from './h2load-output.ts';

/** Opened before the memory is measured, because the first ones load code. */
const WARM_UP_CONNECTIONS = 5;

/** A load on a server. */
export interface EncryptedLoad {
  readonly label: string;
  readonly protocol: Protocol;
  readonly method: 'GET' | 'POST';
  /** `cold`: each connection carries one query. */
  readonly kind: 'saturation' | 'rate' | 'cold';
  readonly connections: number;
  /** Maximum queries in flight on each connection. */
  readonly streams: number;
}

const PROTOCOLS = ['HTTP/2', 'HTTP/1.1', 'DoT'] as const satisfies readonly Protocol[];

const MANY = { method: 'GET', kind: 'saturation', connections: 10, streams: 10 } as const;
const COLD = { ...MANY, kind: 'cold', connections: 50, streams: 1 } as const;

/** Rate of the loads that measure response times. */
const QUERIES_PER_SECOND = 2000;

export const LOADS: readonly EncryptedLoad[] = [
  { ...MANY, label: 'DoH, GET, one connection', protocol: 'HTTP/2', connections: 1, streams: 100 },
  { ...MANY, label: 'DoH, GET', protocol: 'HTTP/2' },
  { ...MANY, label: 'DoH, POST', protocol: 'HTTP/2', method: 'POST' },
  { ...MANY, label: 'DoH, GET over HTTP/1.1', protocol: 'HTTP/1.1', streams: 1 },
  { ...MANY, label: 'DoT', protocol: 'DoT' },
  { ...MANY, label: `DoH, ${QUERIES_PER_SECOND} a second`, protocol: 'HTTP/2', kind: 'rate' },
  { ...MANY, label: `DoT, ${QUERIES_PER_SECOND} a second`, protocol: 'DoT', kind: 'rate' },
  { ...COLD, label: 'DoH, a connection per query', protocol: 'HTTP/2' },
  { ...COLD, label: 'DoT, a connection per query', protocol: 'DoT' },
];

export interface DohOptions {
  /** Number of names, all in every cache, that are looked up in turn. */
  readonly names: number;
  readonly rounds: number;
  /** Queries of each load by its kind, and those that warm up each server, so that JIT compilation is over. */
  readonly queries: Readonly<Record<EncryptedLoad['kind'] | 'warmUp', number>>;
  /** Number of connections whose memory is measured. */
  readonly idleConnections: number;
  /** Called with a description of each step. */
  readonly onStep: (text: string) => void;
}

/** One server under one load in one round. */
export interface DohFigures {
  readonly server: string;
  readonly load: string;
  readonly round: number;
  readonly answersPerSecond: number;
  /** CPU time of the server's process per answer, in microseconds. */
  readonly cpuMicros: number;
  /** Utilisation of one core: near 1 at saturation, unless the load generator is the bottleneck. */
  readonly cpuShare: number;
  /** Response times; NaN except at a fixed rate. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly residentBytes: number;
}

/** What a server's idle connections take. */
export interface IdleMemory {
  readonly server: string;
  readonly protocol: Protocol;
  readonly bytesPerConnection: number;
}

interface Contender {
  readonly label: string;
  readonly protocol: Protocol;
  start(): Promise<RunningServer>;
}

interface Running extends Contender {
  readonly server: RunningServer;
}

interface Lab {
  readonly upstream: DohUpstream;
  readonly authorityPort: number;
  /** Of the authority that signed the servers' certificate. */
  readonly authorityPath: string;
  readonly certificate: ServerCertificate;
}

/**
 * Loads servers with questions that are in their caches: in each round, servers take turns under each load. Then
 * measures the memory of idle connections to fresh servers.
 */
export async function runDoh(options: DohOptions): Promise<{ figures: DohFigures[]; idle: IdleMemory[] }> {
  await using resources = new AsyncDisposableStack();
  const ca = resources.use(await createCertificateAuthority());
  const upstream = resources.use(await startDohUpstream());
  const authority = resources.use(await startPlainAuthority());
  const lab: Lab = {
    upstream,
    authorityPort: authority.port,
    authorityPath: ca.certificatePath,
    certificate: await ca.issue(['127.0.0.1']),
  };
  const answers = await askOurs(lab);
  const contenders = PROTOCOLS.flatMap((protocol) => contendersOf(protocol, answers[protocol], lab));
  return {
    figures: await runLoads(contenders, answers, options),
    idle: await measureIdle(contenders, lab, options),
  };
}

/** An answer of dns4tor from the cache, over each protocol. */
async function askOurs({ certificate, upstream, authorityPath }: Lab): Promise<Record<Protocol, FloorAnswer>> {
  const answers: Partial<Record<Protocol, FloorAnswer>> = {};
  for (const protocol of PROTOCOLS) {
    await using server = await startOurs(protocol, certificate, upstream);
    const question = { port: server.port, path: DOH_PATH, name: nameOf(0), authorityPath };
    // The first answer is not from the cache.
    for (let i = 0; i < 2; i++) {
      await using connection = await CONNECT[protocol](question);
      const { headers, bodyBytes } = connection.answer;
      const { date, ...others } = headers;
      answers[protocol] = { headers: others, hasDate: date !== undefined, bodyBytes };
    }
  }
  return answers as Record<Protocol, FloorAnswer>;
}

function contendersOf(protocol: Protocol, answer: FloorAnswer, lab: Lab): Contender[] {
  const { certificate, upstream, authorityPort } = lab;
  const floor = FLOOR_OF[protocol];
  return [
    { label: OURS, protocol, start: () => startOurs(protocol, certificate, upstream) },
    { label: floor, protocol, start: () => startFloor(floor, certificate, answer) },
    ...ENCRYPTED_PEERS.filter(({ protocols }) => protocols.includes(protocol)).map((peer) => ({
      label: peer.label,
      protocol,
      start: () => peer.start(protocol, certificate, authorityPort),
    })),
  ];
}

async function runLoads(
  contenders: readonly Contender[],
  answers: Readonly<Record<Protocol, FloorAnswer>>,
  { names, rounds, queries, onStep }: DohOptions,
): Promise<DohFigures[]> {
  await using resources = new AsyncDisposableStack();
  const running: Running[] = [];
  for (const contender of contenders) {
    const { label, protocol } = contender;
    onStep(`Starting and warming up ${label}, ${protocol}`);
    const server = resources.use(await contender.start());
    await holdToCore(server.pid, MEASURED_CORE);
    running.push({ ...contender, server });
    const load: EncryptedLoad = { ...MANY, label: 'warm-up', protocol };
    const { bodyBytes } = answers[protocol];
    // Each name once: then it is in the cache.
    for (const count of [names, queries.warmUp]) await apply(load, server, { names, count, bodyBytes });
  }
  const figures: DohFigures[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const load of LOADS) {
      for (const { label, protocol, server } of running) {
        if (protocol !== load.protocol) continue;
        onStep(`Round ${round} of ${rounds}, ${load.label}: ${label}`);
        const { bodyBytes } = answers[protocol];
        const figuresOfServer = await measure(load, server, { names, count: queries[load.kind], bodyBytes });
        figures.push({ server: label, load: load.label, round, ...figuresOfServer });
      }
    }
  }
  return figures;
}

/** What is asked, and the size of each answer. */
interface Questions {
  /** Number of different names. */
  readonly names: number;
  readonly count: number;
  readonly bodyBytes: number;
}

async function measure(
  load: EncryptedLoad,
  server: RunningServer,
  questions: Questions,
): Promise<Omit<DohFigures, 'server' | 'load' | 'round'>> {
  const { pid } = server;
  const before = await cpuSeconds(pid);
  const { answersPerSecond, p50Ms, p99Ms } = await apply(load, server, questions);
  const cpu = (await cpuSeconds(pid)) - before;
  const cpuMicros = (cpu / questions.count) * 1e6;
  return {
    answersPerSecond,
    cpuMicros,
    cpuShare: (cpuMicros * answersPerSecond) / 1e6,
    p50Ms,
    p99Ms,
    residentBytes: await residentBytes(pid),
  };
}

interface Applied extends ResponseTimes {
  readonly answersPerSecond: number;
}

/** Sends the questions. Rejects unless each of them is answered, and by an answer of the right size. */
async function apply(
  { protocol, method, kind, connections, streams }: EncryptedLoad,
  { port }: RunningServer,
  { names, count, bodyBytes }: Questions,
): Promise<Applied> {
  const distinct = Array.from({ length: Math.min(names, count) }, (_, i) => nameOf(i));
  const rate = kind === 'rate' ? { queriesPerSecond: QUERIES_PER_SECOND } : {};
  if (protocol === 'DoT') {
    const result = await runDnsperf({
      port,
      transport: 'dot',
      questions: Array.from({ length: count }, (_, i) => `${distinct[i % distinct.length]} A`),
      clients: connections,
      outstanding: connections * streams,
      timeoutSeconds: 5,
      ...(kind === 'cold' ? { queriesPerConnection: 1 } : {}),
      ...rate,
    });
    assert.deepEqual(result.rcodes, { NOERROR: count }, 'not every query was answered');
    return result;
  }
  const result = await runH2load({
    port,
    path: DOH_PATH,
    names: distinct,
    requests: count,
    connections: kind === 'cold' ? count : connections,
    streams,
    method,
    http: protocol === 'HTTP/2' ? 2 : 1,
    ...rate,
  });
  assert.equal(result.succeeded, count, 'not every request was answered');
  assert.equal(result.bodyBytes, count * bodyBytes, 'an answer has another size');
  assert.equal(result.protocol, protocol === 'HTTP/2' ? 'h2' : 'http/1.1');
  return result;
}

/** Opens connections to a fresh server, which then has answered one query on each. */
async function measureIdle(
  contenders: readonly Contender[],
  { authorityPath }: Lab,
  { idleConnections, onStep }: DohOptions,
): Promise<IdleMemory[]> {
  const results: IdleMemory[] = [];
  for (const contender of contenders) {
    const { label, protocol } = contender;
    onStep(`${idleConnections} idle connections: ${label}, ${protocol}`);
    await using server = await contender.start();
    await using opened = new AsyncDisposableStack();
    const open = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        const question = { port: server.port, path: DOH_PATH, name: nameOf(0), authorityPath };
        opened.use(await CONNECT[protocol](question));
      }
    };
    await open(WARM_UP_CONNECTIONS);
    const before = await residentBytes(server.pid);
    await open(idleConnections);
    const bytes = (await residentBytes(server.pid)) - before;
    results.push({ server: label, protocol, bytesPerConnection: bytes / idleConnections });
  }
  return results;
}

/** Names of one length, so that all answers are of one size. */
function nameOf(index: number): string {
  return `n${String(index).padStart(5, '0')}.dns4tor-lab.net`;
}
