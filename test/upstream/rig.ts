import { readFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { decode, encode } from 'dns-packet';
import type { Dns4torError } from '../../src/failures/errors.ts';
import { Deadline } from '../../src/lib/deadline.ts';
import type { Random } from '../../src/lib/random.ts';
import { buildUpstreamQuery } from '../../src/message/upstream-query.ts';
import { encodeQuestion } from '../../src/message/wire/codec.ts';
import { type Counters, createCounters } from '../../src/metrics/counters.ts';
import { Connection } from '../../src/upstream/pool/connection.ts';
import { ConnectionPool } from '../../src/upstream/pool/connection-pool.ts';
import { RetryBudget } from '../../src/upstream/pool/retry-budget.ts';
import { DohSession } from '../../src/upstream/transport/doh-session.ts';
import type { Connect } from '../../src/upstream/transport/session.ts';
import { createCertificateAuthority } from '../fixtures/certificates.ts';
import { startHttp1DohServer } from '../fixtures/dns/http1-doh-server.ts';
import {
  type DohBehaviour,
  type RecordingDohServer,
  startRecordingDohServer,
} from '../fixtures/dns/recording-doh-server.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';
import { startRelay } from '../fixtures/tor/relay.ts';

/** Longer than any test advances the clock by default. */
const TIMEOUT_MS = 60_000;

/** Not random: every pause has its full length. */
export const noJitter: Random = { fraction: () => 1, bytes: (length) => new Uint8Array(length) };

export interface RigOptions {
  /** @default 1 */
  readonly connections?: number;
  /** Replaces or wraps the function that opens TLS connections to the server. */
  readonly connect?: (plain: Connect) => Connect;
  /** The server's SETTINGS_MAX_CONCURRENT_STREAMS. */
  readonly maxConcurrentStreams?: number;
  /** HTTP version of the server. @default 'h2' */
  readonly alpn?: 'h2' | 'http/1.1';
  /** Lifetime of a generation. @default longer than any test */
  readonly lifetimeMs?: number;
  /** @default {@link noJitter} */
  readonly random?: Random;
}

/** No generation ends by its age. */
const LIFETIME_MS = 86_400_000;

/** A pool on a manual clock, with connections to a DoH server on loopback without Tor. */
export interface Rig extends AsyncDisposable {
  readonly upstream: ConnectionPool;
  readonly server: RecordingDohServer;
  readonly clock: ManualClock;
  readonly counters: Counters;
  /** Pays for hedges. Tests earn for it, as the forwarder does in production. */
  readonly budget: RetryBudget;
  /** Outcomes of the attempts to connect, with the pause after each. */
  readonly events: readonly { readonly code: 'ok' | Dns4torError['code']; readonly pauseMs: number }[];
  /** The client's sockets, in the order of their creation. */
  readonly sockets: readonly TLSSocket[];
  /** Number of pending timers, without the one for the end of the generation's lifetime. */
  readonly pendingTimers: number;
  /** Silently stops all traffic on the existing connections. */
  freeze(): void;
  /** Looks up the A record of a name. */
  ask(name: string, timeoutMs?: number): Promise<Uint8Array>;
}

export async function startRig(behaviour: DohBehaviour, options: RigOptions = {}): Promise<Rig> {
  await using stack = new AsyncDisposableStack();
  const authority = stack.use(await createCertificateAuthority());
  const { connections = 1, maxConcurrentStreams, alpn = 'h2', lifetimeMs = LIFETIME_MS, random = noJitter } = options;
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
  const counters = createCounters(['doh.test:443'], connections);
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
      { address: url.href, index: 0, size: connections, lifetimeMs },
    ),
  );
  // The server does not close while a connection is open, and a failing test may leave one open.
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

/** Advances the clock in small steps until `work` has settled. Lets data in transit over loopback arrive in between. */
export async function advanceUntilSettled<T>({ clock }: Pick<Rig, 'clock'>, work: Promise<T>): Promise<T> {
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

/** The upstream query for the A record of a name. */
export function queryFor(name: string): Uint8Array {
  return buildUpstreamQuery(encodeQuestion(name, 'A'), false, false);
}

/** An answer to `query` with one A record and a TTL of 300. */
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

/** Answers every query. */
export const answer: DohBehaviour = ({ query }) => ({ body: answerTo(query) });

/** Applies the `n`th behaviour to the `n`th request, and the last one to all further requests. */
export function inTurn(...behaviours: readonly DohBehaviour[]): DohBehaviour {
  let count = 0;
  return (request) => (behaviours[Math.min(count++, behaviours.length - 1)] as DohBehaviour)(request);
}

/** Number of exchanges by outcome. */
export function outcomes(counters: Counters): Record<string, number> {
  const entries = counters.totals.exchanges.entries().filter(({ count }) => count > 0);
  return Object.fromEntries(entries.map(({ labels, count }) => [labels['outcome'] ?? '', count]));
}
