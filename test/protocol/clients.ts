import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { systemClock } from '../../src/lib/clock.ts';
import { framed } from '../listener/harness.ts';

const LENGTH_BYTES = 2;

/** Timeout for an answer. Reached only by failing tests and by tests that prove silence. */
export const ANSWER_TIMEOUT_MS = 5000;

/** A DNS client over UDP that matches replies by ID and counts unexpected ones. */
export class UdpAsker implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #port: number;
  readonly #waiting = new Map<number, (reply: Buffer) => void>();
  /** Number of replies without a waiting query. */
  readonly unexpected: Buffer[] = [];

  /** @param port of 127.0.0.1 */
  constructor(port: number) {
    this.#port = port;
    this.#socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
    this.#socket.on('message', (reply) => {
      const resolve = reply.length < 2 ? undefined : this.#waiting.get(reply.readUInt16BE(0));
      if (resolve === undefined) this.unexpected.push(reply);
      else resolve(reply);
    });
  }

  async send(message: Uint8Array): Promise<void> {
    await new Promise<void>((resolve, reject) =>
      this.#socket.send(message, this.#port, '127.0.0.1', (error) => (error === null ? resolve() : reject(error))),
    );
  }

  /**
   * Returns the reply to a message; undefined if none arrives.
   *
   * @param message at least two octets, with an ID that no waiting query has
   */
  async ask(message: Uint8Array, timeoutMs = ANSWER_TIMEOUT_MS): Promise<Buffer | undefined> {
    const id = Buffer.from(message).readUInt16BE(0);
    if (this.#waiting.has(id)) throw new Error(`a query with ID ${id} is already waiting`);
    const { promise, resolve } = Promise.withResolvers<Buffer | undefined>();
    this.#waiting.set(id, resolve);
    const timer = systemClock.schedule(timeoutMs, () => resolve(undefined));
    await this.send(message);
    const reply = await promise;
    timer.cancel();
    this.#waiting.delete(id);
    return reply;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await once(this.#socket, 'close');
  }
}

/**
 * Sends the pieces over one TCP connection, each in its own segment, and closes its side. Resolves with all messages
 * received until the server closes, and rejects if it does not.
 *
 * @param port of 127.0.0.1
 */
export async function talkTcp(port: number, pieces: readonly Uint8Array[]): Promise<Buffer[]> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  const patience = systemClock.schedule(ANSWER_TIMEOUT_MS, () => {
    socket.destroy(new Error(`the connection was not closed in ${ANSWER_TIMEOUT_MS} ms`));
  });
  try {
    await once(socket, 'connect');
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    const closed = once(socket, 'end');
    for (const piece of pieces) {
      // The kernel would combine several writes of one event-loop turn into one segment.
      await new Promise<void>((resolve) => socket.write(piece, () => setImmediate(resolve)));
    }
    socket.end();
    await closed;
    const { messages, rest } = deframe(Buffer.concat(chunks));
    if (rest > 0) throw new Error('the connection was closed in the middle of a message');
    return messages;
  } finally {
    patience.cancel();
    socket.destroy();
  }
}

/**
 * Returns the reply to one message over its own TCP connection; undefined if the connection ends or time runs out
 * first.
 *
 * @param port of 127.0.0.1
 */
export async function askTcp(port: number, message: Uint8Array, timeoutMs: number): Promise<Buffer | undefined> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const timer = systemClock.schedule(timeoutMs, () => socket.destroy());
  const { promise, resolve } = Promise.withResolvers<Buffer | undefined>();
  let received = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    const [reply] = deframe(received).messages;
    if (reply !== undefined) resolve(reply);
  });
  // A connection that ends without a reply may be the expected result.
  socket.on('error', () => {});
  socket.on('close', () => resolve(undefined));
  socket.write(framed(message));
  const reply = await promise;
  timer.cancel();
  socket.destroy();
  return reply;
}

/** Splits a stream into messages (RFC 1035 §4.2.2). `rest` counts the octets after the last complete one. */
export function deframe(stream: Buffer): { readonly messages: Buffer[]; readonly rest: number } {
  const messages: Buffer[] = [];
  let offset = 0;
  while (offset + LENGTH_BYTES <= stream.length) {
    const end = offset + LENGTH_BYTES + stream.readUInt16BE(offset);
    if (end > stream.length) break;
    messages.push(stream.subarray(offset + LENGTH_BYTES, end));
    offset = end;
  }
  return { messages, rest: stream.length - offset };
}

/** Processes items in order, at most `width` at a time. Rejects with the first failure. */
export async function eachAtOnce<T>(
  items: readonly T[],
  width: number,
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  const left = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of left) await work(item, index);
  };
  await Promise.all(Array.from({ length: width }, worker));
}
