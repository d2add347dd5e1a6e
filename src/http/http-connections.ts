import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '../lib/clock.ts';
import { OneRequest } from './one-request.ts';

/**
 * Maximum connections without a complete request. Even if a program opens thousands per second, the oldest has had time
 * to send one. Each costs a few kilobytes.
 */
const MAX_RECEIVING = 256;

/** Maximum connections with a complete request. A scraper, a supervisor and a person or two need few. */
const MAX_REQUESTED = 64;

/**
 * Time limit from accepting a connection to the end of the request header. On this machine or its network, a header is
 * one segment.
 */
const HEADER_MS = 1000;

/** Time limit for the client to read its answer. */
const UNREAD_MS = 5000;

/** RFC 9110 §15.5.9. */
const TIMED_OUT = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n';

type State = 'receiving' | 'answering' | 'sending';

interface Entry {
  readonly stream: OneRequest;
  readonly socket: Socket;
  state: State;
  /** Whether the data that arrived before the connection was accepted has been read. */
  hasBeenRead: boolean;
  timer: Timer | undefined;
}

/**
 * The connections of an HTTP server that answers one request on each. Limits their number so that a new request is
 * always answered. Beyond the limit for incomplete requests, the oldest is closed. Beyond the limit for complete ones,
 * the oldest with an unread answer is closed, or else the one that has waited longest. Without connections no timer
 * runs.
 */
export class HttpConnections {
  readonly #clock: Clock;
  readonly #serve: (connection: Duplex) => void;
  /** Oldest first. */
  readonly #entries = new Map<Duplex, Entry>();
  readonly #streams = new Set<Duplex>();

  /** @param serve passes a connection to the HTTP parser */
  constructor(clock: Clock, serve: (connection: Duplex) => void) {
    this.#clock = clock;
    this.#serve = serve;
  }

  /** Takes over an accepted connection. */
  add(socket: Socket): void {
    const stream = new OneRequest(socket);
    const timer = this.#clock.schedule(HEADER_MS, () => this.#timeOut(entry));
    const entry: Entry = { stream, socket, state: 'receiving', hasBeenRead: false, timer };
    this.#entries.set(stream, entry);
    stream.on('close', () => this.#remove(stream));
    stream.on('begun', () => this.#serve(stream));
    // The event loop reads a request that the kernel already holds on its next turn. Until then, hostile connections
    // cannot be told from others.
    setImmediate(() =>
      setImmediate(() => {
        entry.hasBeenRead = true;
        this.#limit(MAX_RECEIVING, ['receiving']);
      }),
    );
  }

  /** The request of a connection is complete. */
  answering(connection: Duplex): void {
    this.#enter(connection, 'answering');
    this.#limit(MAX_REQUESTED, ['sending', 'answering']);
  }

  /** The answer of a connection is written. It closes once the client has read it. */
  sending(connection: Duplex): void {
    const entry = this.#enter(connection, 'sending');
    if (entry !== undefined) entry.timer = this.#clock.schedule(UNREAD_MS, () => entry.stream.destroy());
  }

  /** The answer is an event stream, so the connection no longer counts. The caller limits the number of streams. */
  streaming(connection: Duplex): void {
    const entry = this.#enter(connection, 'answering');
    if (entry === undefined) return;
    this.#entries.delete(connection);
    this.#streams.add(connection);
    entry.stream.watchForEnd();
  }

  #enter(connection: Duplex, state: State): Entry | undefined {
    const entry = this.#entries.get(connection);
    if (entry === undefined) return undefined;
    entry.timer?.cancel();
    entry.timer = undefined;
    entry.state = state;
    return entry;
  }

  #timeOut({ stream, socket }: Entry): void {
    if (socket.bytesRead > 0) stream.end(TIMED_OUT);
    else stream.destroy();
  }

  /** @param states counted together; connections are closed in this order */
  #limit(max: number, states: readonly State[]): void {
    const counted = [...this.#entries.values()].filter(({ state }) => states.includes(state));
    const inOrder = states.flatMap((state) => counted.filter((entry) => entry.state === state && entry.hasBeenRead));
    for (const { stream } of inOrder.slice(0, Math.max(0, counted.length - max))) this.#remove(stream).destroy();
  }

  #remove(connection: Duplex): Duplex {
    this.#entries.get(connection)?.timer?.cancel();
    this.#entries.delete(connection);
    this.#streams.delete(connection);
    return connection;
  }

  /** Closes the connections without a complete request. */
  closeIdle(): void {
    for (const { state, stream } of this.#entries.values()) if (state === 'receiving') stream.destroy();
  }

  closeAll(): void {
    for (const connection of [...this.#entries.keys(), ...this.#streams]) connection.destroy();
  }
}
