import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '../lib/clock.ts';
import { OneRequest } from './one-request.ts';

/**
 * Maximum connections without a complete request. Even if a program opens thousands per second, the oldest has had time
 * to send one. Each costs a few kilobytes.
 */
const MAX_ASKING = 256;

/** Maximum connections with a complete request. A scraper, a supervisor and a person or two need few. */
const MAX_ANSWERED = 64;

/**
 * Time limit from accepting a connection to the end of the request header, which is one segment on this machine or its
 * network.
 */
const HEADER_MS = 1000;

/** Time limit from the answer to the last octet that the kernel takes. */
const UNREAD_MS = 5000;

/** RFC 9110 §15.5.9. */
const TIMED_OUT = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n';

type State = 'asking' | 'answering' | 'sending';

interface Place {
  readonly stream: OneRequest;
  readonly socket: Socket;
  state: State;
  /** Whether the data that arrived before the connection was accepted has been read. */
  hasBeenHeard: boolean;
  timer: Timer | undefined;
}

/**
 * The connections of an HTTP server that answers one request on each. The next request is answered however many
 * connections there are. Among too many incomplete requests, the oldest gives way. Among too many complete ones, the
 * oldest whose answer is left unread gives way, or else the one that has waited longest. Keeps no timer while there are
 * no connections.
 */
export class Connections {
  readonly #clock: Clock;
  readonly #serve: (connection: Duplex) => void;
  /** The oldest first. */
  readonly #places = new Map<Duplex, Place>();
  readonly #streams = new Set<Duplex>();

  /** @param serve has an HTTP server parse a connection */
  constructor(clock: Clock, serve: (connection: Duplex) => void) {
    this.#clock = clock;
    this.#serve = serve;
  }

  /** Takes over an accepted connection. */
  add(socket: Socket): void {
    const stream = new OneRequest(socket);
    const timer = this.#clock.schedule(HEADER_MS, () => this.#giveUp(place));
    const place: Place = { stream, socket, state: 'asking', hasBeenHeard: false, timer };
    this.#places.set(stream, place);
    stream.on('close', () => this.#forget(stream));
    stream.on('begun', () => this.#serve(stream));
    // The event loop reads a request that is already in the kernel on its next turn. Until then nothing tells hostile
    // connections from others.
    setImmediate(() =>
      setImmediate(() => {
        place.hasBeenHeard = true;
        this.#makeRoom(MAX_ASKING, ['asking']);
      }),
    );
  }

  /** Its request is complete. */
  answering(connection: Duplex): void {
    this.#turn(connection, 'answering');
    this.#makeRoom(MAX_ANSWERED, ['sending', 'answering']);
  }

  /** Its answer is written. It closes once the client has read it. */
  sending(connection: Duplex): void {
    const place = this.#turn(connection, 'sending');
    if (place !== undefined) place.timer = this.#clock.schedule(UNREAD_MS, () => place.stream.destroy());
  }

  /** Its answer is an event stream, so it no longer counts here. The caller bounds the number of streams. */
  streaming(connection: Duplex): void {
    const place = this.#turn(connection, 'answering');
    if (place === undefined) return;
    this.#places.delete(connection);
    this.#streams.add(connection);
    place.stream.watchForEnd();
  }

  #turn(connection: Duplex, state: State): Place | undefined {
    const place = this.#places.get(connection);
    if (place === undefined) return undefined;
    place.timer?.cancel();
    place.timer = undefined;
    place.state = state;
    return place;
  }

  #giveUp({ stream, socket }: Place): void {
    if (socket.bytesRead > 0) stream.end(TIMED_OUT);
    else stream.destroy();
  }

  /** @param states counted together; connections give way in this order */
  #makeRoom(most: number, states: readonly State[]): void {
    const counted = [...this.#places.values()].filter(({ state }) => states.includes(state));
    const inOrder = states.flatMap((state) => counted.filter((place) => place.state === state && place.hasBeenHeard));
    for (const { stream } of inOrder.slice(0, Math.max(0, counted.length - most))) this.#forget(stream).destroy();
  }

  #forget(connection: Duplex): Duplex {
    this.#places.get(connection)?.timer?.cancel();
    this.#places.delete(connection);
    this.#streams.delete(connection);
    return connection;
  }

  /** Closes the connections that are owed no answer. */
  closeIdle(): void {
    for (const { state, stream } of this.#places.values()) if (state === 'asking') stream.destroy();
  }

  closeAll(): void {
    for (const connection of [...this.#places.keys(), ...this.#streams]) connection.destroy();
  }
}
