import { constants } from 'node:os';
import { UDP_PAYLOAD_BYTES } from '../../message/wire/edns.ts';
import type { DatagramCalls } from './linux-sockets.ts';
import type { SocketAddressCodec } from './socket-address.ts';

/*
 * Batched datagrams: recvmmsg(2) and sendmmsg(2) on structures in a single buffer. On 64-bit, little-endian Linux their
 * layouts are:
 *
 *   mmsghdr   0 msg_name → sockaddr    8 msg_namelen      16 msg_iov → iovec
 *            24 msg_iovlen            32 msg_control      40 msg_controllen
 *            48 msg_flags             56 msg_len                                64 bytes
 *   iovec     0 iov_base → octets      8 iov_len                                16 bytes
 *
 * Why the kernel never reads or writes outside the buffer:
 *  - Pointers are written once, when the buffer is created, and point into it. It lives as long as the object and does
 *    not move.
 *  - Lengths that the kernel obeys are constants of this file, except for that of a reply, which is limited to its
 *    slot.
 *  - Lengths that the kernel returns are limited to the size of their slot before use.
 *  - Numbers of datagrams are limited to the number of slots, in both directions.
 */

/** Datagrams per system call. At this size the call is a twentieth of the total cost, so larger batches gain little. */
export const BATCH_DATAGRAMS = 64;

/**
 * Room for the largest datagram, so that none is truncated (MSG_TRUNC). The system provides memory only for those pages
 * of a slot that were written.
 */
const RECEIVE_BYTES = 65_535;

/**
 * Distance between slots: the slot and a few cache lines more. Slots at a distance of a power of two would share the
 * same lines of the processor's cache.
 */
const RECEIVE_STRIDE = 65_536 + 5 * 64;
const REPLY_STRIDE = 1280;
const NAME_STRIDE = 32;
const WORD_BYTES = 4;

/**
 * Views up to this length are cached, which covers nearly all queries. Creating a view costs as much as a cache lookup.
 */
const CACHED_VIEW_BYTES = 128;
const IOVEC_BYTES = 16;
const HEADER_BYTES = 64;

const IOVEC = { base: 0, length: 8 } as const;
const HEADER = { name: 0, nameLength: 8, iovec: 16, iovecs: 24, length: 56 } as const;

const { EAGAIN, EINTR } = constants.errno;

/** Handles replies that could not be sent. */
interface UnsentReplies {
  /** The kernel has no room at the moment. `reply` is owned by the callee. */
  onBusy(reply: Uint8Array, client: string, port: number): void;
  /** The kernel refused to send a reply. */
  onFailed(): void;
}

interface Slot {
  readonly octets: Uint8Array;
  readonly name: Uint8Array;
  /** Views of the first n octets, cached by n. */
  readonly views: (Uint8Array | undefined)[];
  /** Offsets in the buffer. */
  readonly nameAt: number;
  readonly header: number;
  readonly iovec: number;
}

/**
 * Receives the datagrams that wait on a socket, and sends the replies, each as a batch. Requires 64-bit, little-endian
 * Linux; see loadLinuxSockets.
 */
export class DatagramBatch {
  readonly #calls: DatagramCalls;
  readonly #descriptor: number;
  readonly #addresses: SocketAddressCodec;
  readonly #unsent: UnsentReplies;
  readonly #memory: ArrayBuffer;
  readonly #words: Uint32Array;
  readonly #nameWords: number;
  readonly #received: readonly Slot[];
  readonly #receiveHeaders: number;
  readonly #replies: readonly Slot[];
  readonly #sendHeaders: number;
  #receivedCount = 0;
  #pendingCount = 0;

  /** @param descriptor a UDP socket that the caller owns and keeps open while this object is in use */
  constructor(calls: DatagramCalls, descriptor: number, addresses: SocketAddressCodec, unsent: UnsentReplies) {
    this.#calls = calls;
    this.#descriptor = descriptor;
    this.#addresses = addresses;
    this.#unsent = unsent;
    // The buffer is zeroed, so there are no flags and no control data.
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

  /** Lays out arrays of headers, vectors, socket addresses and octets. The calls require contiguous headers. */
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

  /** Receives the waiting datagrams and returns their number. They are valid until the next call. */
  receive(): number {
    // Restores the sizes of the address buffers, which the kernel has replaced by the lengths of the addresses.
    for (let i = 0; i < this.#receivedCount; i++)
      this.#write((this.#received[i] as Slot).header + HEADER.nameLength, this.#addresses.bytes);
    const received = this.#calls.receive(this.#descriptor, this.#receiveHeaders, BATCH_DATAGRAMS);
    // An error concerns an earlier datagram (ICMP), or means that none is waiting. The next one is reported as usual.
    this.#receivedCount = Math.min(Math.max(received, 0), BATCH_DATAGRAMS);
    return this.#receivedCount;
  }

  /**
   * The octets of the `index`-th datagram. The view ends with the datagram, so earlier contents of the slot stay
   * hidden.
   */
  wire(index: number): Uint8Array {
    const { octets, views, header } = this.#received[index] as Slot;
    const length = Math.min(this.#read(header + HEADER.length), RECEIVE_BYTES);
    if (length > CACHED_VIEW_BYTES) return new Uint8Array(this.#memory, octets.byteOffset, length);
    return (views[length] ??= new Uint8Array(this.#memory, octets.byteOffset, length));
  }

  /** The address of the sender of the `index`-th datagram. */
  client(index: number): string {
    return this.#addresses.text((this.#received[index] as Slot).name);
  }

  /** The port of the sender of the `index`-th datagram; 0 if the kernel reported no complete address. */
  clientPort(index: number): number {
    const { name, header } = this.#received[index] as Slot;
    return this.#read(header + HEADER.nameLength) === name.length ? this.#addresses.port(name) : 0;
  }

  /** Buffer for the next reply. */
  get replySpace(): Uint8Array {
    return (this.#replies[this.#pendingCount] as Slot).octets;
  }

  /**
   * Queues the reply in `replySpace` for the sender of the `index`-th datagram. It is sent by the next `flush`. At most
   * one reply per datagram.
   */
  reply(index: number, replyBytes: number): void {
    const words = this.#words;
    const from = (this.#received[index] as Slot).nameAt / WORD_BYTES;
    const to = (this.#replies[this.#pendingCount] as Slot).nameAt / WORD_BYTES;
    // `set` would cost more for so few words.
    for (let i = 0; i < this.#nameWords; i++) words[to + i] = words[from + i] as number;
    this.#append(replyBytes);
  }

  /** Queues the reply in `replySpace` for any client. Returns false if its address is invalid. */
  replyTo(client: string, port: number, replyBytes: number): boolean {
    if (!this.#addresses.write(client, port, (this.#replies[this.#pendingCount] as Slot).name)) return false;
    this.#append(replyBytes);
    return true;
  }

  #append(replyBytes: number): void {
    const { iovec } = this.#replies[this.#pendingCount] as Slot;
    this.#write(iovec + IOVEC.length, Math.min(replyBytes, UDP_PAYLOAD_BYTES));
    this.#pendingCount++;
  }

  /** Sends the queued replies. */
  flush(): void {
    const count = this.#pendingCount;
    this.#pendingCount = 0;
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
      // The error concerns only the first reply (sendmmsg(2)): no route, a firewall, no memory.
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

  /** Writes a 32-bit field, or the lower half of a 64-bit field whose upper half stays 0 (little-endian). */
  #write(offset: number, value: number): void {
    this.#words[offset / WORD_BYTES] = value;
  }

  #read(offset: number): number {
    return this.#words[offset / WORD_BYTES] as number;
  }
}

/** Size of `count` slots with their headers, vectors and addresses. */
function areaBytes(count: number, stride: number): number {
  return count * (HEADER_BYTES + IOVEC_BYTES + NAME_STRIDE + stride);
}
