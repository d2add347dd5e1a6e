import { readU16, writeU16 } from './bytes.ts';

/** The length prefix of each message over TCP (RFC 1035 §4.2.2). */
export const LENGTH_BYTES = 2;

/** Prepends the length. Returns one buffer, so that both go out in one segment (RFC 7766 §8). */
export function frame(message: Uint8Array): Uint8Array {
  const framed = Buffer.allocUnsafe(LENGTH_BYTES + message.length);
  writeU16(framed, 0, message.length);
  framed.set(message, LENGTH_BYTES);
  return framed;
}

const NONE = new Uint8Array(0);

/**
 * Splits a byte stream into DNS messages, in chunks of any size. Uses at most twice the memory of the bytes pushed and
 * not yet taken. Copies each byte about twice at most, so a message that arrives octet by octet takes linear time. Both
 * bounds hold if the caller takes each message as soon as it is complete.
 */
export class MessageReader {
  /** Holds the bytes not yet taken: the chunk itself, or our own buffer for a message that spans chunks. */
  #buffer: Uint8Array = NONE;
  #start = 0;
  #end = 0;
  /** Whether the buffer is our own. Only then may bytes be appended to it. */
  #isOwn = false;

  /** Whether bytes are left. If `next` returns undefined, they are the beginning of a message. */
  get midway(): boolean {
    return this.#end > this.#start;
  }

  /** Adds the next bytes of the stream. The reader takes ownership: the caller must not change them afterwards. */
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
   * Takes the next message, or returns undefined until it is complete. The caller owns its bytes. The view may keep
   * more memory alive: the pushed chunk, or a buffer of twice the message's size.
   */
  next(): Uint8Array | undefined {
    const end = this.#messageEnd;
    if (end > this.#end) return undefined;
    const message = this.#buffer.subarray(this.#start + LENGTH_BYTES, end);
    this.#start = end;
    if (!this.midway) this.#buffer = NONE;
    return message;
  }

  /** Offset of the first message's end in the buffer; Infinity until its length is known. */
  get #messageEnd(): number {
    if (this.#end - this.#start < LENGTH_BYTES) return Infinity;
    return this.#start + LENGTH_BYTES + readU16(this.#buffer, this.#start);
  }

  /** Reserves at most twice what has arrived. Otherwise the two octets of a length prefix could reserve 64 KiB. */
  #makeRoom(neededBytes: number): void {
    const messageBytes = this.#messageEnd - this.#start;
    const buffer = Buffer.allocUnsafe(Math.max(neededBytes, Math.min(2 * neededBytes, messageBytes)));
    buffer.set(this.#buffer.subarray(this.#start, this.#end));
    [this.#buffer, this.#start, this.#end, this.#isOwn] = [buffer, 0, this.#end - this.#start, true];
  }
}
