import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { ListenerComponents, TcpLimits } from '../../src/listener/listener.ts';
import { type Counters, createCounters } from '../../src/metrics/counters.ts';
import { copyQuery, type Handler, type Query } from '../../src/model/query.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';
import { waitUntil } from '../fixtures/wait-until.ts';

/** Time limit for events on loopback. Only a failing test reaches it. */
export const PATIENCE_MS = 5000;

/** The default limits. */
export const LIMITS: TcpLimits = {
  tcpConnections: 150,
  tcpConnectionsPerClient: 20,
  tcpPipelined: 100,
  tcpIdleMs: 10_000,
  tcpMessageMs: 2000,
  tcpUnsentBytes: 65_536,
};

/** The components of a listener, with a manual clock. */
export interface Parts extends ListenerComponents {
  readonly clock: ManualClock;
  readonly metrics: Counters;
}

export function parts(handler: Handler): Parts {
  return { handler, clock: new ManualClock(), metrics: createCounters([], 0), isAllowed: () => true, limits: LIMITS };
}

/** Answers every query at once with the query itself. */
export const echo: Handler = ({ wire }, reply) => {
  reply.set(wire);
  return wire.length;
};

/** The count of drops for a reason. */
export function drops(counters: Counters, reason: string): number {
  return counters.totals.drops.entries().find(({ labels }) => labels['reason'] === reason)?.count ?? 0;
}

/** A handler whose answers the test releases. */
export class HeldHandler {
  /** The queries received, in order. */
  readonly queries: Query[] = [];
  readonly #answers: ((reply: Uint8Array) => void)[] = [];

  readonly handle: Handler = (query) => {
    this.queries.push(copyQuery(query));
    return new Promise((resolve) => this.#answers.push(resolve));
  };

  /** Answers the `index`-th query, by default with the query itself. */
  answer(index: number, reply: Uint8Array = (this.queries[index] as Query).wire): void {
    this.#answers[index]?.(reply);
  }

  async begun(count: number): Promise<void> {
    await waitUntil(`${count} queries arrive`, PATIENCE_MS, () => this.queries.length >= count);
  }
}

/** A DNS client over TCP or TLS. Its framing is independent of the code under test. */
export class TcpClient implements AsyncDisposable {
  readonly socket: Socket;
  readonly #messages: Buffer[] = [];
  #rest: Buffer = Buffer.alloc(0);
  /** Whether the server has closed its side or the whole connection. */
  ended = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#onData(chunk));
    socket.on('end', () => (this.ended = true));
    socket.on('close', () => (this.ended = true));
    socket.on('error', () => {});
  }

  static async connect(port: number, address = '127.0.0.1', from?: string): Promise<TcpClient> {
    const local = from === undefined ? {} : { localAddress: from };
    const socket = connect({ port, host: address, allowHalfOpen: true, ...local });
    await once(socket, 'connect');
    return new TcpClient(socket);
  }

  /** A client on a connected socket, with or without TLS. */
  static over(socket: Socket): TcpClient {
    return new TcpClient(socket);
  }

  /** The messages received so far. */
  get messages(): readonly Buffer[] {
    return this.#messages;
  }

  send(...messages: readonly Uint8Array[]): void {
    this.socket.write(framed(...messages));
  }

  async received(count: number): Promise<readonly Buffer[]> {
    await waitUntil(`${count} messages are received`, PATIENCE_MS, () => this.#messages.length >= count);
    return this.#messages;
  }

  /** Resolves when the server has closed the connection. */
  async end(): Promise<void> {
    await waitUntil('the server closes', PATIENCE_MS, () => this.ended);
  }

  #onData(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 2 && this.#rest.length >= 2 + this.#rest.readUInt16BE(0)) {
      const end = 2 + this.#rest.readUInt16BE(0);
      this.#messages.push(this.#rest.subarray(2, end));
      this.#rest = this.#rest.subarray(end);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.socket.closed) return;
    this.socket.destroy();
    await once(this.socket, 'close');
  }
}

/** Concatenates messages, each with its length in front. */
export function framed(...messages: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    messages.flatMap((message) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(message.length);
      return [length, message];
    }),
  );
}
