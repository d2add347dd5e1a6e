import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { delay, systemClock, type Timer } from '../../../src/lib/clock.ts';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { framed } from '../../listener/harness.ts';
import { connectRaw, type Endpoint, type Transport } from '../raw-client.ts';

/*
 * Attacks on a server's TCP connections by hostile neighbours, and what its other clients get meanwhile. Uses real
 * sockets and works against any server.
 */

export type Manner =
  /** Connects and sends nothing. */
  | 'silent'
  /** Sends the beginning of a message. */
  | 'half-sent'
  /** Sends a message at one octet per second. */
  | 'trickling'
  /** Sends nothing, and reconnects as soon as it is closed. */
  | 'reconnecting'
  /** Sends query after query and reads no answer. */
  | 'deaf'
  /** Sends queries that only the upstream can answer, and reconnects when it is closed. */
  | 'asking';

export interface Party {
  readonly manner: Manner;
  readonly connections: number;
  /** Source addresses of this machine, used in turn. @default chosen by the kernel */
  readonly from?: readonly string[];
}

/** The server under attack. */
export interface Target extends Endpoint {
  /** For DoT: the authority that issued the server's certificate, in PEM form. @default without TLS */
  readonly ca?: string;
}

const QUERY = framed(buildQuery({ name: 'cached.dns4tor-lab.net' }));
const DEAF_QUERIES = 2000;
const FLAGS_OFFSET = 2;
const RCODE_MASK = 0xf;

let serial = 0;

/** Connections of hostile neighbours to one server, until dispose. */
export class Siege implements AsyncDisposable {
  readonly #target: Target;
  readonly #open = new Set<Socket>();
  readonly #timers = new Set<Timer>();
  #over = false;

  private constructor(target: Target) {
    this.#target = target;
  }

  /** Resolves when each has connected or failed once. */
  static async begin(target: Target, parties: readonly Party[]): Promise<Siege> {
    const siege = new Siege(target);
    await Promise.all(
      parties.flatMap(({ manner, connections, from = [] }) =>
        Array.from({ length: connections }, (_, i) => siege.#connect(manner, from[i % from.length])),
      ),
    );
    return siege;
  }

  /** Number of open connections. */
  get open(): number {
    return this.#open.size;
  }

  #connect(manner: Manner, from: string | undefined): Promise<void> {
    const { port, address = '127.0.0.1', ca } = this.#target;
    const to = { port, host: address, ...(from === undefined ? {} : { localAddress: from }) };
    const socket = ca === undefined ? connect(to) : connectTls({ ...to, ca, ALPNProtocols: ['dot'] });
    this.#open.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#open.delete(socket);
      if (this.#over || (manner !== 'reconnecting' && manner !== 'asking')) return;
      setImmediate(() => this.#over || void this.#connect(manner, from));
    });
    if (manner !== 'deaf') socket.resume();
    return new Promise((resolve) => {
      socket.once('close', resolve);
      socket.once(ca === undefined ? 'connect' : 'secureConnect', () => {
        this.#misbehave(manner, socket);
        resolve();
      });
    });
  }

  #misbehave(manner: Manner, socket: Socket): void {
    if (manner === 'half-sent') socket.write(QUERY.subarray(0, 5));
    if (manner === 'trickling') this.#trickle(socket, 0);
    if (manner === 'deaf') socket.write(Buffer.concat(Array<Buffer>(DEAF_QUERIES).fill(QUERY)));
    if (manner === 'asking') {
      const ask = (): boolean => socket.write(framed(buildQuery({ name: `hang${serial++}.dns4tor-lab.net` })));
      socket.on('data', ask);
      ask();
    }
  }

  #trickle(socket: Socket, sent: number): void {
    if (this.#over || socket.destroyed) return;
    socket.write(QUERY.subarray(sent, sent + 1));
    const timer = systemClock.schedule(1000, () => {
      this.#timers.delete(timer);
      this.#trickle(socket, (sent + 1) % QUERY.length);
    });
    this.#timers.add(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over = true;
    for (const timer of this.#timers) timer.cancel();
    const closed = [...this.#open].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    for (const socket of this.#open) socket.destroy();
    await Promise.all(closed);
  }
}

/** The outcome of a victim's queries. */
export interface Experience {
  readonly asked: number;
  readonly answered: number;
  /** Connections that were reset, or closed without an answer. */
  readonly cut: number;
  /** Response times of the answered queries, in milliseconds. */
  readonly medianMs: number;
  readonly worstMs: number;
}

export interface Victim {
  readonly transport: Transport;
  readonly queries: number;
  /** Interval between the starts of two queries. */
  readonly paceMs: number;
  readonly patienceMs: number;
  /** @default a name that the server answers from its cache or at once */
  readonly nameOf?: (query: number) => string;
}

/** Sends queries one by one, each on its own socket, as the programs of a machine do. */
export async function askAsVictim(
  endpoint: Endpoint,
  { transport, queries, paceMs, patienceMs, nameOf = () => 'cached.dns4tor-lab.net' }: Victim,
): Promise<Experience> {
  const outcomes: Promise<Outcome>[] = [];
  for (let i = 0; i < queries; i++) {
    if (i > 0) await delay(systemClock, paceMs);
    outcomes.push(askOnce(transport, endpoint, nameOf(i), patienceMs));
  }
  const all = await Promise.all(outcomes);
  const times = all.filter((outcome) => typeof outcome === 'number').toSorted((a, b) => a - b);
  return {
    asked: queries,
    answered: times.length,
    cut: all.filter((outcome) => outcome === 'cut').length,
    medianMs: times[Math.floor(times.length / 2)] ?? Infinity,
    worstMs: times.at(-1) ?? Infinity,
  };
}

/** The milliseconds until an answer with records of the name, or what arrived instead. */
type Outcome = number | 'failed' | 'cut' | 'late';

async function askOnce(transport: Transport, endpoint: Endpoint, name: string, patienceMs: number): Promise<Outcome> {
  const startedAt = systemClock.now();
  try {
    await using client = await connectRaw(transport, endpoint);
    client.send(buildQuery({ name }));
    while (client.messages.length === 0) {
      if (client.ended === true) return 'cut';
      if (systemClock.now() - startedAt > patienceMs) return 'late';
      await delay(systemClock, 1);
    }
    const rcode = (client.messages[0]?.readUInt16BE(FLAGS_OFFSET) ?? RCODE_MASK) & RCODE_MASK;
    return rcode === 0 ? systemClock.now() - startedAt : 'failed';
  } catch {
    return 'cut';
  }
}
