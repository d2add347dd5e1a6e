import { readFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { decode, encode } from 'dns-packet';
import { Deadline } from '../../src/lib/deadline.ts';
import type { Dns4torError } from '../../src/failures/errors.ts';
import type { Random } from '../../src/lib/random.ts';
import { encodeQuestion } from '../../src/message/wire/codec.ts';
import { buildUpstreamQuery } from '../../src/message/upstream-query.ts';
import { type Counters, createCounters } from '../../src/metrics/counters.ts';
import { ConnectionPool } from '../../src/upstream/pool/connection-pool.ts';
import { Connection } from '../../src/upstream/pool/connection.ts';
import type { Connect } from '../../src/upstream/transport/session.ts';
import { RetryBudget } from '../../src/upstream/pool/retry-budget.ts';
import { DohSession } from '../../src/upstream/transport/doh-session.ts';
import { createCertificateAuthority } from '../fixtures/certificates.ts';
import { startHttp1DohServer } from '../fixtures/http1-doh-server.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';
import { startRelay } from '../fixtures/relay.ts';
import {
  type DohBehaviour,
  type RecordingDohServer,
  startRecordingDohServer,
} from '../fixtures/recording-doh-server.ts';

/** Longer than any test's clock is turned without a reason. */
const TIMEOUT_MS = 60_000;

/** In place of chance: every pause has its full length. */
export const noJitter: Random = { fraction: () => 1, bytes: (length) => new Uint8Array(length) };

export interface RigOptions {
  /** @default 1 */
  readonly circuits?: number;
  /** Takes the place of, or wraps, the TLS connection to the server. */
  readonly connect?: (plain: Connect) => Connect;
  /** SETTINGS_MAX_CONCURRENT_STREAMS of the server. */
  readonly maxConcurrentStreams?: number;
  /** HTTP version of the server. @default 'h2' */
  readonly alpn?: 'h2' | 'http/1.1';
  /** How long circuits are used. @default so long that none ends by its age */
  readonly lifetimeMs?: number;
  /** @default {@link noJitter} */
  readonly random?: Random;
}

/** Nothing ends by its age alone. */
const LIFETIME_MS = 86_400_000;

/** An upstream on a clock that stands still, and a DoH server on loopback that it connects to without Tor. */
export interface Rig extends AsyncDisposable {
  readonly upstream: ConnectionPool;
  readonly server: RecordingDohServer;
  readonly clock: ManualClock;
  readonly counters: Counters;
  /** Pays for hedges. A test earns for it what a forwarder would. */
  readonly budget: RetryBudget;
  /** What the connections' events told: pauses and failures' codes. */
  readonly events: readonly { readonly code: 'ok' | Dns4torError['code']; readonly pauseMs: number }[];
  /** The client's ends of the connections, in order. */
  readonly sockets: readonly TLSSocket[];
  /** Timers that wait for something to happen; the circuits' lives have ends of their own. */
  readonly pendingTimers: number;
  /** From here on nothing arrives on the connections that there are, and nothing says so. */
  freeze(): void;
  /** Asks for the A record of a name. */
  ask(name: string, timeoutMs?: number): Promise<Uint8Array>;
}

export async function startRig(behaviour: DohBehaviour, options: RigOptions = {}): Promise<Rig> {
  await using stack = new AsyncDisposableStack();
  const authority = stack.use(await createCertificateAuthority());
  const { circuits = 1, maxConcurrentStreams, alpn = 'h2', lifetimeMs = LIFETIME_MS, random = noJitter } = options;
  const settings = maxConcurrentStreams === undefined ? {} : { settings: { maxConcurrentStreams } };
  const certificate = await authority.issue(['doh.test']);
  const server = stack.use(
    alpn === 'h2'
      ? await startRecordingDohServer(certificate, behaviour, settings)
      : await startHttp1DohServer(certificate, behaviour),
  );
  const relay = stack.use(await startRelay(server));
  const ca = await readFile(authority.certificatePath);
  const clock = new ManualClock();
  const counters = createCounters(['doh.test:443'], circuits);
  const budget = new RetryBudget();
  const events: { code: 'ok' | Dns4torError['code']; pauseMs: number }[] = [];
  const sockets: TLSSocket[] = [];
  const plain: Connect = () =>
    new Promise((resolve, reject) => {
      const target = { host: relay.host, port: relay.port, servername: 'doh.test', ca, ALPNProtocols: [alpn] };
      const socket = connectTls(target, () => {
        socket.off('error', reject);
        resolve(socket);
      });
      socket.on('error', reject);
      sockets.push(socket);
    });
  const connect = options.connect?.(plain) ?? plain;
  const url = new URL('https://doh.test/dns-query');
  const upstream = stack.use(
    new ConnectionPool(
      {
        clock,
        random,
        metrics: counters,
        budget,
        createConnection: (breaker, owner) =>
          new Connection(
            {
              clock,
              connect,
              createSession: (socket, session) => new DohSession(clock, { url }, socket, session),
              breaker,
              events: {
                connected: () => events.push({ code: 'ok', pauseMs: 0 }),
                connectFailed: ({ code }, pauseMs) => events.push({ code, pauseMs }),
              },
            },
            owner,
          ),
      },
      { address: url.href, index: 0, size: circuits, lifetimeMs },
    ),
  );
  // The server does not end while a connection is open, and a test that fails may leave one.
  stack.defer(() => {
    for (const socket of sockets) socket.destroy();
  });
  const owned = stack.move();
  return {
    upstream,
    server,
    clock,
    counters,
    budget,
    events,
    sockets,
    get pendingTimers() {
      return clock.pendingTimers - 1;
    },
    freeze: () => relay.freeze(),
    ask: (name, timeoutMs = TIMEOUT_MS) =>
      upstream.exchange(queryFor(name), { deadline: Deadline.after(clock, timeoutMs) }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Turns the clock in small steps, and lets what is on its way over loopback arrive in between, until `work` has ended. */
export async function turnUntilSettled<T>({ clock }: Pick<Rig, 'clock'>, work: Promise<T>): Promise<T> {
  const state = { settled: false };
  work.then(
    () => (state.settled = true),
    () => (state.settled = true),
  );
  while (!state.settled) {
    for (let i = 0; i < 50; i++) await setImmediate();
    await clock.advanceAsync(10);
  }
  return work;
}

/** The query that goes upstream for the A record of a name. */
export function queryFor(name: string): Uint8Array {
  return buildUpstreamQuery(encodeQuestion(name, 'A'), false, false);
}

/** One A record with a TTL of 300, for whatever is asked. */
export function answerTo(query: Uint8Array): Buffer {
  const { id, questions = [] } = decode(Buffer.from(query));
  const [question] = questions;
  return encode({
    type: 'response',
    id: id ?? 0,
    questions,
    answers: [{ type: 'A', name: question?.name ?? '.', ttl: 300, data: '192.0.2.1' }],
  });
}

/** Answers as a resolver does. */
export const answer: DohBehaviour = ({ query }) => ({ body: answerTo(query) });

/** What the `n`th request meets; the last holds for all that follow. */
export function inTurn(...behaviours: readonly DohBehaviour[]): DohBehaviour {
  let count = 0;
  return (request) => (behaviours[Math.min(count++, behaviours.length - 1)] as DohBehaviour)(request);
}

/** How many exchanges came to each outcome. */
export function outcomes(counters: Counters): Record<string, number> {
  const entries = counters.totals.exchanges.entries().filter(({ count }) => count > 0);
  return Object.fromEntries(entries.map(({ labels, count }) => [labels['outcome'] ?? '', count]));
}
