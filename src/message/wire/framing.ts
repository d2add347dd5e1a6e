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

const NONE = new Uint8Array(0);

/**
 * Splits a byte stream into DNS messages, however the bytes arrive. Takes at most twice the memory of the bytes that
 * were pushed and not yet taken. Copies each byte about twice at most, so a message that arrives octet by octet costs
 * time linear in its length. Both bounds hold if every message is taken as soon as it is complete.
 */
export class MessageReader {
  /** Backs the held bytes: a chunk as it was pushed, or our own buffer for a message that spans several chunks. */
  #buffer: Uint8Array = NONE;
  #start = 0;
  #end = 0;
  /** Whether the buffer is our own, so that bytes may be appended to it. */
  #isOwn = false;

  /** Whether bytes are held: with no whole message to be taken, that one has begun and not ended. */
  get midway(): boolean {
    return this.#end > this.#start;
  }

  /** Takes the next bytes. Nobody may change them afterwards. */
  push(chunk: Uint8Array): void {
    const held = this.#end - this.#start;
    if (held === 0) {
      [this.#buffer, this.#start, this.#end, this.#isOwn] = [chunk, 0, chunk.length, false];
      return;
    }
    if (!this.#isOwn || this.#end + chunk.length > this.#buffer.length) this.#makeRoom(held + chunk.length);
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /**
   * The next message, or undefined until it is complete. Its bytes belong to the caller from here on. The view may keep
   * more memory alive: the chunk that was pushed, or a buffer of twice the message.
   */
  next(): Uint8Array | undefined {
    const end = this.#messageEnd;
    if (end > this.#end) return undefined;
    const message = this.#buffer.subarray(this.#start + LENGTH_BYTES, end);
    this.#start = end;
    if (!this.midway) this.#buffer = NONE;
    return message;
  }

  /** Where the first message ends in the buffer; Infinity until its length is known. */
  get #messageEnd(): number {
    if (this.#end - this.#start < LENGTH_BYTES) return Infinity;
    return this.#start + LENGTH_BYTES + readU16(this.#buffer, this.#start);
  }

  /** Never reserves more than twice what has arrived. Otherwise the two octets of a length would take up 64 KiB. */
  #makeRoom(neededBytes: number): void {
    const messageBytes = this.#messageEnd - this.#start;
    const buffer = Buffer.allocUnsafe(Math.max(neededBytes, Math.min(2 * neededBytes, messageBytes)));
    buffer.set(this.#buffer.subarray(this.#start, this.#end));
    [this.#buffer, this.#start, this.#end, this.#isOwn] = [buffer, 0, this.#end - this.#start, true];
  }
}
