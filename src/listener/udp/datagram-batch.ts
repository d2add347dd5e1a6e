import { constants } from 'node:os';
import { UDP_PAYLOAD_BYTES } from '../../message/wire/edns.ts';
import type { DatagramCalls } from './linux-sockets.ts';
import type { SocketAddresses } from './socket-address.ts';

/*
 * Many datagrams with one system call: recvmmsg(2) and sendmmsg(2) on structures in one piece of memory,
 *
 *   mmsghdr   0 msg_name → sockaddr   8 msg_namelen   16 msg_iov → iovec   24 msg_iovlen   32 msg_control   40 msg_controllen
 *            48 msg_flags            56 msg_len                                                              64 bytes
 *   iovec     0 iov_base → octets     8 iov_len                                                              16 bytes
 *
 * as they are on Linux with 64 bits, little-endian.
 *
 * Why the kernel cannot be made to read or write anything else:
 *  - Pointers are written once, when the memory is made, and point into it; it lives as long as the object, and does not move.
 *  - Lengths that the kernel obeys are constants of this file, but for that of a reply, which is bounded by its slot.
 *  - Lengths that the kernel returns are bounded by what they are lengths of before they are used.
 *  - Numbers of datagrams are bounded by the slots there are, in both directions.
 */

/** Datagrams that are taken with one call. More make the call no cheaper for each: it is a twentieth of the whole by then. */
export const BATCH_DATAGRAMS = 64;

/** No datagram is larger, so that none is ever cut off (MSG_TRUNC). Of a slot, the system gives memory only to the pages that were written. */
const RECEIVE_BYTES = 65_535;

/** A slot, and a few cache lines more: beginnings that are a power of two apart would all fall into the same lines of the processor's cache. */
const RECEIVE_STRIDE = 65_536 + 5 * 64;
const REPLY_STRIDE = 1280;
const NAME_STRIDE = 32;
const WORD_BYTES = 4;

/** Views of datagrams up to this length, which is that of nearly all queries, are kept: making one costs as much as looking the answer up. */
const KEPT_VIEW_BYTES = 128;
const IOVEC_BYTES = 16;
const HEADER_BYTES = 64;

const IOVEC = { base: 0, length: 8 } as const;
const HEADER = { name: 0, nameLength: 8, iovec: 16, iovecs: 24, length: 56 } as const;

const { EAGAIN, EINTR } = constants.errno;

/** What becomes of replies that are not sent at once. */
interface UnsentReplies {
  /** The kernel has no room just now. The bytes are the callee's. */
  onBusy(reply: Uint8Array, client: string, port: number): void;
  /** The kernel will not send it. */
  onFailed(): void;
}

interface Slot {
  readonly octets: Uint8Array;
  readonly name: Uint8Array;
  /** Of its beginning, by their length, as they were needed. */
  readonly views: (Uint8Array | undefined)[];
  /** Where each begins. */
  readonly nameAt: number;
  readonly header: number;
  readonly iovec: number;
}

/** Takes what waits on a socket of someone else's, and sends the replies together. For 64-bit Linux: see loadLinuxSockets. */
export class DatagramBatch {
  readonly #calls: DatagramCalls;
  readonly #descriptor: number;
  readonly #addresses: SocketAddresses;
  readonly #unsent: UnsentReplies;
  readonly #memory: ArrayBuffer;
  readonly #words: Uint32Array;
  readonly #nameWords: number;
  readonly #received: readonly Slot[];
  readonly #receiveHeaders: number;
  readonly #replies: readonly Slot[];
  readonly #sendHeaders: number;
  #taken = 0;
  #pending = 0;

  /** @param descriptor of a UDP socket that stays open while this is used */
  constructor(calls: DatagramCalls, descriptor: number, addresses: SocketAddresses, unsent: UnsentReplies) {
    this.#calls = calls;
    this.#descriptor = descriptor;
    this.#addresses = addresses;
    this.#unsent = unsent;
    // Zeroed: no flags, no control data.
    this.#memory = new ArrayBuffer(
      areaBytes(BATCH_DATAGRAMS, RECEIVE_STRIDE) + areaBytes(BATCH_DATAGRAMS, REPLY_STRIDE),
    );
    this.#words = new Uint32Array(this.#memory);
    this.#nameWords = addresses.bytes / WORD_BYTES;
    const address = calls.addressOf(this.#memory);
    this.#received = this.#layOut(0, BATCH_DATAGRAMS, RECEIVE_STRIDE, RECEIVE_BYTES, address);
    const repliesAt = areaBytes(BATCH_DATAGRAMS, RECEIVE_STRIDE);
    this.#replies = this.#layOut(repliesAt, BATCH_DATAGRAMS, REPLY_STRIDE, UDP_PAYLOAD_BYTES, address);
    this.#receiveHeaders = address + (this.#received[0] as Slot).header;
    this.#sendHeaders = address + (this.#replies[0] as Slot).header;
  }

  /** Headers first, then vectors, socket addresses, octets: each array in one piece, as the calls want the headers. */
  #layOut(start: number, count: number, stride: number, slotBytes: number, address: number): Slot[] {
    const pointers = new BigUint64Array(this.#memory);
    const point = (from: number, to: number): void => void (pointers[from / 8] = BigInt(address + to));
    const iovecs = start + count * HEADER_BYTES;
    const names = iovecs + count * IOVEC_BYTES;
    const octets = names + count * NAME_STRIDE;
    return Array.from({ length: count }, (_, i) => {
      const header = start + i * HEADER_BYTES;
      const iovec = iovecs + i * IOVEC_BYTES;
      const nameAt = names + i * NAME_STRIDE;
      const octetsAt = octets + i * stride;
      point(header + HEADER.name, nameAt);
      point(header + HEADER.iovec, iovec);
      point(iovec + IOVEC.base, octetsAt);
      this.#write(header + HEADER.nameLength, this.#addresses.bytes);
      this.#write(header + HEADER.iovecs, 1);
      this.#write(iovec + IOVEC.length, slotBytes);
      return {
        octets: new Uint8Array(this.#memory, octetsAt, slotBytes),
        name: new Uint8Array(this.#memory, nameAt, this.#addresses.bytes),
        views: [],
        nameAt,
        header,
        iovec,
      };
    });
  }

  /** Takes what waits; returns how many datagrams that is, which are there until the next call. */
  receive(): number {
    // The kernel has put in how long they were.
    for (let i = 0; i < this.#taken; i++)
      this.#write((this.#received[i] as Slot).header + HEADER.nameLength, this.#addresses.bytes);
    const taken = this.#calls.receive(this.#descriptor, this.#receiveHeaders, BATCH_DATAGRAMS);
    // An error is that of one datagram (ICMP), or no more than that none waits. Whoever waits for the next will hear of it.
    this.#taken = Math.min(Math.max(taken, 0), BATCH_DATAGRAMS);
    return this.#taken;
  }

  /** The octets of the `index`-th datagram: a view of no more than was received, so that nobody can read what was there before. */
  wire(index: number): Uint8Array {
    const { octets, views, header } = this.#received[index] as Slot;
    const length = Math.min(this.#read(header + HEADER.length), RECEIVE_BYTES);
    if (length > KEPT_VIEW_BYTES) return new Uint8Array(this.#memory, octets.byteOffset, length);
    return (views[length] ??= new Uint8Array(this.#memory, octets.byteOffset, length));
  }

  client(index: number): string {
    return this.#addresses.text((this.#received[index] as Slot).name);
  }

  /** 0 where the kernel did not say. */
  clientPort(index: number): number {
    const { name, header } = this.#received[index] as Slot;
    return this.#read(header + HEADER.nameLength) === name.length ? this.#addresses.port(name) : 0;
  }

  /** Where the next reply is to be written. */
  get replySpace(): Uint8Array {
    return (this.#replies[this.#pending] as Slot).octets;
  }

  /** Sends what was written to the reply space to whom the `index`-th datagram came from, at the next flush. Once at most for each. */
  reply(index: number, replyBytes: number): void {
    const words = this.#words;
    const from = (this.#received[index] as Slot).nameAt / WORD_BYTES;
    const to = (this.#replies[this.#pending] as Slot).nameAt / WORD_BYTES;
    // For so few, a call of `set` would cost more.
    for (let i = 0; i < this.#nameWords; i++) words[to + i] = words[from + i] as number;
    this.#append(replyBytes);
  }

  /** The same to any client. False if that takes a socket address that cannot be made. */
  replyTo(client: string, port: number, replyBytes: number): boolean {
    if (!this.#addresses.write(client, port, (this.#replies[this.#pending] as Slot).name)) return false;
    this.#append(replyBytes);
    return true;
  }

  #append(replyBytes: number): void {
    const { iovec } = this.#replies[this.#pending] as Slot;
    this.#write(iovec + IOVEC.length, Math.min(replyBytes, UDP_PAYLOAD_BYTES));
    this.#pending++;
  }

  /** Sends the replies. */
  flush(): void {
    const count = this.#pending;
    this.#pending = 0;
    let done = 0;
    while (done < count) {
      const sent = this.#calls.send(this.#descriptor, this.#sendHeaders + done * HEADER_BYTES, count - done);
      if (sent > 0) {
        done += sent;
        continue;
      }
      const error = this.#calls.lastError();
      if (error === EINTR) continue;
      if (error === EAGAIN) return this.#handBack(done, count);
      // It is that of the first (sendmmsg(2)): no route, a firewall, no memory. The others have nothing to do with it.
      this.#unsent.onFailed();
      done++;
    }
  }

  #handBack(from: number, to: number): void {
    for (const { octets, name, iovec } of this.#replies.slice(from, to)) {
      const reply = octets.slice(0, this.#read(iovec + IOVEC.length));
      this.#unsent.onBusy(reply, this.#addresses.text(name), this.#addresses.port(name));
    }
  }

  /** A field of 32 bits, or one of 64 whose upper half, the second one (little-endian), stays 0. */
  #write(offset: number, value: number): void {
    this.#words[offset / WORD_BYTES] = value;
  }

  #read(offset: number): number {
    return this.#words[offset / WORD_BYTES] as number;
  }
}

/** What so many slots take with all that belongs to them. */
function areaBytes(count: number, stride: number): number {
  return count * (HEADER_BYTES + IOVEC_BYTES + NAME_STRIDE + stride);
}
