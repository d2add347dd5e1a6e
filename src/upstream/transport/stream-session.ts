import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../lib/clock.ts';
import type { Deadline } from '../../lib/deadline.ts';
import { Dns4torError } from '../../failures/errors.ts';
import type { Random } from '../../lib/random.ts';
import { readU16, writeU16 } from '../../message/wire/bytes.ts';
import { frame, LENGTH_BYTES, MessageReader } from '../../message/wire/framing.ts';
import { FLAG, flagsOf, HEADER, HEADER_BYTES } from '../../message/wire/header.ts';
import { MAX_IN_FLIGHT, type Session, type SessionEvents } from './session.ts';
import { Watchdog } from './watchdog.ts';

/**
 * Queries that nobody waits for any more and that were not answered. The ID of each stays taken, since to the server it is still in flight
 * (RFC 7766 §6.2.1): a late answer must not meet a query that was sent after it. A connection that owes so many answers is of no use.
 */
const MAX_OWED = 1000;

/**
 * While queries wait, some byte must come within this time. There is no PING to be answered sooner than a query, so this is above the onion
 * path's published p99 of 9.1 s: one slow answer alone does not cost a working connection.
 */
const WATCH = { silenceMs: 12_000, lookMs: 2000 } as const;

interface Waiter {
  answer(response: Uint8Array): void;
  fail(error: Dns4torError): void;
}

export interface StreamSessionComponents {
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * DNS over a stream: over TLS (RFC 7858) or plain TCP (RFC 7766). Queries are sent without waiting for the answers to those before, and
 * answers are taken in any order (RFC 7766 §6.2.1.1, §7). Holds at most one message that is not whole yet.
 *
 * An idle connection is left to the server to end. RFC 7766 §6.2.3 would have the client end it, for the sake of the server's sockets; but a
 * new one costs six relays a circuit and the next query a second or two, and what the connection's circuit lives bounds it anyway.
 */
export class StreamSession implements Session {
  readonly #random: Random;
  readonly #socket: Socket;
  readonly #events: SessionEvents;
  readonly #watchdog: Watchdog;
  readonly #reader = new MessageReader();
  /** By the ID that the query has on this connection. */
  readonly #waiting = new Map<number, Waiter>();
  /** IDs of queries whose deadline has passed and whose answer has not come. */
  readonly #owed = new Set<number>();
  /** Queries that were abandoned before their deadline. */
  #givenUp = 0;
  #asked = false;
  #answered = false;
  #ended = false;

  /** @param socket open, encrypted where it should be; owned from here on */
  constructor({ clock, random }: StreamSessionComponents, socket: Socket, events: SessionEvents) {
    this.#random = random;
    this.#socket = socket;
    this.#events = events;
    this.#watchdog = new Watchdog(clock, WATCH, {
      bytesRead: () => socket.bytesRead,
      waiting: () => this.#waiting.size > 0,
      onSilent: () => this.destroy(new Dns4torError('ERR_UPSTREAM_STALLED')),
    });
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', (error) => this.#lose(error));
    // RFC 7766 §6.2.3: a server may end a connection that is idle. What is in flight is to be asked again elsewhere (§6.2.4).
    socket.once('close', () => {
      this.#lose();
      events.onClose(this);
    });
  }

  get free(): number {
    return this.#ended ? 0 : MAX_IN_FLIGHT - this.#waiting.size;
  }

  get inFlight(): number {
    return this.#waiting.size;
  }

  get answered(): boolean {
    return this.#answered;
  }

  get fruitless(): boolean {
    return this.#asked && !this.#answered;
  }

  exchange(query: Uint8Array, deadline: Deadline): Promise<Uint8Array> {
    if (this.#ended) return Promise.reject(new Dns4torError('ERR_UPSTREAM_CONNECTION'));
    this.#asked = true;
    const id = this.#unusedId();
    const answer = this.#waitFor(id, deadline);
    const framed = frame(query);
    writeU16(framed, LENGTH_BYTES + HEADER.id, id);
    this.#socket.write(framed);
    this.#watchdog.watch();
    return answer;
  }

  /** DNS over a stream has no message for it. */
  ping(): void {}

  destroy(error: Dns4torError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#watchdog.cancel();
    // First, so that whoever is failed does not come back here.
    this.#events.onRetire(this, error);
    for (const waiter of this.#waiting.values()) waiter.fail(error);
    this.#socket.destroy();
  }

  #lose(cause?: Error): void {
    this.destroy(new Dns4torError('ERR_UPSTREAM_CONNECTION', undefined, cause));
  }

  #loseThread(): void {
    const cause = new Dns4torError('ERR_RESPONSE_MALFORMED');
    this.destroy(new Dns4torError('ERR_UPSTREAM_CONNECTION', 'something else than an answer came', cause));
  }

  /** Unpredictable (RFC 5452 §9.2), and found in a few steps: hardly any of the 65,536 are taken. */
  #unusedId(): number {
    let id = readU16(this.#random.bytes(2), 0);
    while (this.#waiting.has(id) || this.#owed.has(id)) id = (id + 1) & 0xffff;
    return id;
  }

  #waitFor(id: number, deadline: Deadline): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        timer.cancel();
        this.#waiting.delete(id);
        if (!this.#ended) this.#events.onRoom();
      };
      const waiter: Waiter = {
        answer: (response) => {
          leave();
          resolve(response);
        },
        fail: (error) => {
          leave();
          reject(error);
        },
      };
      const timer: Timer = deadline.schedule(() => {
        // Before the place is given to another query, which must not get the ID.
        this.#owed.add(id);
        waiter.fail(deadline.toError());
        if (deadline.isGivenUp) this.#givenUp++;
        if (this.#owed.size < MAX_OWED) return;
        // Answers owed to abandoned queries do not show that the connection has stalled.
        if (this.#givenUp === 0) this.destroy(new Dns4torError('ERR_UPSTREAM_STALLED'));
        else this.#lose();
      });
      this.#waiting.set(id, waiter);
    });
  }

  #read(chunk: Uint8Array): void {
    this.#reader.push(chunk);
    for (let message = this.#reader.next(); message !== undefined && !this.#ended; message = this.#reader.next()) {
      this.#take(message);
    }
  }

  /**
   * A message that is no answer to anything that was sent ends the connection. It cannot be a late one, since the IDs of those are kept; the
   * server, or whoever speaks in its place, has lost the thread, and what stands behind is not to be trusted. What is in flight is lost with
   * the connection, not to blame for it, and is asked again elsewhere.
   */
  #take(message: Uint8Array): void {
    if (message.length < HEADER_BYTES || (flagsOf(message) & FLAG.QR) === 0) return this.#loseThread();
    const id = readU16(message, HEADER.id);
    const waiter = this.#waiting.get(id);
    if (waiter === undefined && !this.#owed.delete(id)) return this.#loseThread();
    if (!this.#answered) {
      this.#answered = true;
      this.#events.onFirstAnswer();
    }
    writeU16(message, HEADER.id, 0);
    waiter?.answer(message);
  }
}
