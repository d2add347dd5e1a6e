import type { Socket } from 'node:net';
import { Dns4torError } from '../../failures/errors.ts';
import type { Clock, Timer } from '../../lib/clock.ts';
import type { Deadline } from '../../lib/deadline.ts';
import type { Random } from '../../lib/random.ts';
import { readU16, writeU16 } from '../../message/wire/bytes.ts';
import { frame, LENGTH_BYTES, MessageReader } from '../../message/wire/framing.ts';
import { FLAG, flagsOf, HEADER, HEADER_BYTES } from '../../message/wire/header.ts';
import { MAX_IN_FLIGHT, type Session, type SessionEvents } from './session.ts';
import { Watchdog } from './watchdog.ts';

/**
 * Maximum unanswered queries whose deadline has passed. For the server they are still in flight (RFC 7766 §6.2.1), so
 * their IDs stay reserved: a late answer must not match a newer query. A connection that owes more answers is useless.
 */
const MAX_OWED = 1000;

/**
 * Watchdog limits. DNS over a stream has no PING, so they are above the published 99th percentile of response times
 * over an onion service, 9.1 s: one slow answer does not cost a working connection.
 */
const WATCH = { silenceMs: 12_000, pollMs: 2000 } as const;

interface Waiter {
  answer(response: Uint8Array): void;
  fail(error: Dns4torError): void;
}

interface StreamSessionComponents {
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * DNS over TLS (RFC 7858) or over plain TCP (RFC 7766) on one connection. Queries are pipelined, and answers may arrive
 * in any order (RFC 7766 §6.2.1.1, §7). Buffers at most one incomplete message.
 *
 * The server decides when to close an idle connection. RFC 7766 §6.2.3 wants the client to do so, to save server
 * resources. But a new connection costs six relays a circuit and the next query a second or two, and the pool limits
 * the lifetime of connections anyway.
 */
export class StreamSession implements Session {
  readonly #random: Random;
  readonly #socket: Socket;
  readonly #events: SessionEvents;
  readonly #watchdog: Watchdog;
  readonly #reader = new MessageReader();
  /** Queries in flight, by their ID on this connection. */
  readonly #waiting = new Map<number, Waiter>();
  /** IDs of unanswered queries whose deadline has passed. */
  readonly #owed = new Set<number>();
  /** Number of queries that were abandoned before their deadline. */
  #givenUp = 0;
  #hasAsked = false;
  #hasAnswered = false;
  #isEnded = false;

  /** @param socket an open TCP or TLS socket, which the session owns from now on */
  constructor({ clock, random }: StreamSessionComponents, socket: Socket, events: SessionEvents) {
    this.#random = random;
    this.#socket = socket;
    this.#events = events;
    this.#watchdog = new Watchdog(clock, WATCH, {
      bytesRead: () => socket.bytesRead,
      isWaiting: () => this.#waiting.size > 0,
      onSilent: () => this.destroy(new Dns4torError('ERR_UPSTREAM_STALLED')),
    });
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', (error) => this.#lose(error));
    // A server may close an idle connection (RFC 7766 §6.2.3). Queries in flight are retried elsewhere (§6.2.4).
    socket.once('close', () => {
      this.#lose();
      events.onClose(this);
    });
  }

  get capacity(): number {
    return this.#isEnded ? 0 : MAX_IN_FLIGHT - this.#waiting.size;
  }

  get inFlight(): number {
    return this.#waiting.size;
  }

  get hasAnswered(): boolean {
    return this.#hasAnswered;
  }

  get isUnanswered(): boolean {
    return this.#hasAsked && !this.#hasAnswered;
  }

  exchange(query: Uint8Array, deadline: Deadline): Promise<Uint8Array> {
    if (this.#isEnded) return Promise.reject(new Dns4torError('ERR_UPSTREAM_CONNECTION'));
    this.#hasAsked = true;
    const id = this.#unusedId();
    const answer = this.#waitFor(id, deadline);
    const framed = frame(query);
    writeU16(framed, LENGTH_BYTES + HEADER.id, id);
    this.#socket.write(framed);
    this.#watchdog.watch();
    return answer;
  }

  /** Does nothing: DNS over a stream has no PING. */
  ping(): void {}

  destroy(error: Dns4torError): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#watchdog.cancel();
    // Before the queries fail, so that their retries do not use this session.
    this.#events.onRetire(this, error);
    for (const waiter of this.#waiting.values()) waiter.fail(error);
    this.#socket.destroy();
  }

  #lose(cause?: Error): void {
    this.destroy(new Dns4torError('ERR_UPSTREAM_CONNECTION', undefined, cause));
  }

  #onProtocolError(): void {
    const cause = new Dns4torError('ERR_RESPONSE_MALFORMED');
    this.destroy(new Dns4torError('ERR_UPSTREAM_CONNECTION', 'unexpected message instead of an answer', cause));
  }

  /** Draws an unpredictable ID (RFC 5452 §9.2). Few of the 65,536 are in use, so the search ends after a few steps. */
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
        if (!this.#isEnded) this.#events.onCapacity();
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
        // Before the place is freed: the next query must not get this ID.
        this.#owed.add(id);
        waiter.fail(deadline.toError());
        if (deadline.isGivenUp) this.#givenUp++;
        if (this.#owed.size < MAX_OWED) return;
        // If some of the queries were abandoned, the missing answers do not show that the connection has stalled.
        if (this.#givenUp === 0) this.destroy(new Dns4torError('ERR_UPSTREAM_STALLED'));
        else this.#lose();
      });
      this.#waiting.set(id, waiter);
    });
  }

  #read(chunk: Uint8Array): void {
    this.#reader.push(chunk);
    for (let message = this.#reader.next(); message !== undefined && !this.#isEnded; message = this.#reader.next()) {
      this.#onMessage(message);
    }
  }

  /**
   * Handles one message. If it answers no query, the connection is closed: late answers are recognised by their IDs, so
   * the message shows that the server, or an impostor, has lost synchronisation, and nothing after it can be trusted.
   * Queries in flight did not cause that. They fail as lost with the connection, and are retried elsewhere.
   */
  #onMessage(message: Uint8Array): void {
    if (message.length < HEADER_BYTES || (flagsOf(message) & FLAG.QR) === 0) return this.#onProtocolError();
    const id = readU16(message, HEADER.id);
    const waiter = this.#waiting.get(id);
    if (waiter === undefined && !this.#owed.delete(id)) return this.#onProtocolError();
    if (!this.#hasAnswered) {
      this.#hasAnswered = true;
      this.#events.onFirstAnswer();
    }
    writeU16(message, HEADER.id, 0);
    waiter?.answer(message);
  }
}
