import { readU16, writeU16 } from '../message/bytes.ts';

/** RFC 1035 §4.2.2: over TCP each message has its length in front, two octets. */
const LENGTH_BYTES = 2;

/** The message with its length in front, in one piece, so that it goes out in one segment (RFC 7766 §8). */
export function frame(message: Uint8Array): Uint8Array {
  const framed = Buffer.allocUnsafe(LENGTH_BYTES + message.length);
  writeU16(framed, 0, message.length);
  framed.set(message, LENGTH_BYTES);
  return framed;
}

/** Cuts a stream into messages, however the bytes come. Holds at most one unfinished message. */
export class MessageReader {
  #rest: Uint8Array = new Uint8Array(0);

  /** Whether a message has begun and not ended. */
  get midway(): boolean {
    return this.#rest.length > 0;
  }

  /** Takes the next bytes and returns the messages that are whole now; they are copies of nothing, but nobody changes them. */
  push(chunk: Uint8Array): Uint8Array[] {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const messages: Uint8Array[] = [];
    while (bytes.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + readU16(bytes, 0);
      if (bytes.length < end) break;
      messages.push(bytes.subarray(LENGTH_BYTES, end));
      bytes = bytes.subarray(end);
    }
    this.#rest = bytes;
    return messages;
  }
}
