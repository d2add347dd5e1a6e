import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '../lib/clock.ts';
import { OneRequest } from './one-request.ts';

/** So many that the oldest has had time to ask, even where a program opens thousands each second. Each costs some kilobytes. */
const MAX_ASKING = 256;

/** One scraper, one supervisor and a person or two need few. */
const MAX_ANSWERED = 64;

/** From the connection to the end of the request's header: on this machine, or its network, that is one segment. */
const HEADER_MS = 1000;

/** From the answer to the last octet that the kernel takes. */
const UNREAD_MS = 5000;

/** RFC 9110 §15.5.9. */
const TIMED_OUT = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n';

type State = 'asking' | 'answering' | 'sending';

interface Place {
  readonly stream: OneRequest;
  readonly socket: Socket;
  state: State;
  /** Whether what it had sent when it was accepted has been read. */
  hasBeenHeard: boolean;
  timer: Timer | undefined;
}

/**
 * The connections of an HTTP server that answers one request on each. However many there are, the next gets its answer: where too many have no
 * whole request, the oldest of them gives way; where too many have one, the oldest that leaves its answer unread, or else waits for it longest.
 * Nothing wakes the process while there are none.
 */
export class Connections {
  readonly #clock: Clock;
  readonly #serve: (connection: Duplex) => void;
  /** The oldest first. */
  readonly #places = new Map<Duplex, Place>();
  readonly #streams = new Set<Duplex>();

  /** @param serve has an HTTP server parse what comes over a connection */
  constructor(clock: Clock, serve: (connection: Duplex) => void) {
    this.#clock = clock;
    this.#serve = serve;
  }

  /** Takes over a connection that was accepted. */
  add(socket: Socket): void {
    const stream = new OneRequest(socket);
    const timer = this.#clock.schedule(HEADER_MS, () => this.#giveUp(place));
    const place: Place = { stream, socket, state: 'asking', hasBeenHeard: false, timer };
    this.#places.set(stream, place);
    stream.on('close', () => this.#forget(stream));
    stream.on('begun', () => this.#serve(stream));
    // A request that is in the kernel already is read in the event loop's next turn. Until then nobody knows which of many are hostile.
    setImmediate(() =>
      setImmediate(() => {
        place.hasBeenHeard = true;
        this.#makeRoom(MAX_ASKING, ['asking']);
      }),
    );
  }

  /** Its request is whole. */
  answering(connection: Duplex): void {
    this.#turn(connection, 'answering');
    this.#makeRoom(MAX_ANSWERED, ['sending', 'answering']);
  }

  /** Its answer is written, and it is closed once that is read. */
  sending(connection: Duplex): void {
    const place = this.#turn(connection, 'sending');
    if (place !== undefined) place.timer = this.#clock.schedule(UNREAD_MS, () => place.stream.destroy());
  }

  /** Its answer is a stream of events: it counts here no more. Whoever grants it bounds them. */
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

  /** @param states those that are counted together, in the order in which they give way */
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

  /** Closes those that are owed no answer. */
  closeIdle(): void {
    for (const { state, stream } of this.#places.values()) if (state === 'asking') stream.destroy();
  }

  closeAll(): void {
    for (const connection of [...this.#places.keys(), ...this.#streams]) connection.destroy();
  }
}
