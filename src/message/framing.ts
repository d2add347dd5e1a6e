import { readU16, writeU16 } from './bytes.ts';

/** RFC 1035 §4.2.2: over TCP each message has its length in front, two octets. */
export const LENGTH_BYTES = 2;

/** The message with its length in front, in one piece, so that it goes out in one segment (RFC 7766 §8). */
export function frame(message: Uint8Array): Uint8Array {
  const framed = Buffer.allocUnsafe(LENGTH_BYTES + message.length);
  writeU16(framed, 0, message.length);
  framed.set(message, LENGTH_BYTES);
  return framed;
}

/** Cuts a stream into messages, however the bytes come. Holds what was pushed and not taken yet. */
export class MessageReader {
  #rest: Uint8Array = new Uint8Array(0);

  /** Whether bytes are held: with no whole message to be taken, that one has begun and not ended. */
  get midway(): boolean {
    return this.#rest.length > 0;
  }

  /** Takes the next bytes, which from here on nobody changes. */
  push(chunk: Uint8Array): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
  }

  /** The next message, if it is whole: a view of the bytes that were pushed. */
  next(): Uint8Array | undefined {
    const rest = this.#rest;
    if (rest.length < LENGTH_BYTES) return undefined;
    const end = LENGTH_BYTES + readU16(rest, 0);
    if (rest.length < end) return undefined;
    this.#rest = rest.subarray(end);
    return rest.subarray(LENGTH_BYTES, end);
  }
}
