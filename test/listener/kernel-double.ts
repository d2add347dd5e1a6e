import { constants } from 'node:os';
import type { DatagramCalls } from '../../src/listener/udp/linux-sockets.ts';

const MMSGHDR_BYTES = 64;

/** A datagram in the structures that the kernel reads and writes. */
export interface Datagram {
  readonly name: Uint8Array;
  readonly octets: Uint8Array;
}

/** The outcome of a call: a number of datagrams, or the name of an error. */
export type Outcome = number | keyof typeof constants.errno;

/**
 * Stands in for the kernel, to produce outcomes that the real one does not on request. It follows each pointer like the
 * kernel, and throws if one leads outside the shared memory.
 */
export class KernelDouble implements DatagramCalls {
  /** The pretended address of the memory. */
  readonly #base = 0x7f00_0000_0000;
  #memory = new ArrayBuffer(0);
  #lastError = 0;
  /** Datagrams to be received, with any false lengths that the kernel reports. */
  readonly waiting: (Datagram & { readonly claimedBytes?: number; readonly nameBytes?: number })[] = [];
  /** Outcomes of the next calls of `send`, in order. Further calls send everything. */
  readonly outcomes: Outcome[] = [];
  /** Added to the number of datagrams that `receive` reports. */
  excess = 0;
  readonly sent: Datagram[] = [];
  /** The number of datagrams in each call of `send`. */
  readonly asked: number[] = [];

  addressOf(memory: ArrayBuffer): number {
    this.#memory = memory;
    return this.#base;
  }

  receive(_descriptor: number, headers: number, count: number): number {
    const taken = this.waiting.splice(0, count);
    if (taken.length === 0) return this.#fail('EAGAIN');
    for (const [i, { name, octets, claimedBytes, nameBytes }] of taken.entries()) {
      const header = headers + i * MMSGHDR_BYTES;
      const [nameAt, nameRoom] = [this.#pointer(header), this.#word(header + 8)];
      this.#at(nameAt, nameRoom).set(name);
      this.#view().setUint32(this.#offset(header + 8), nameBytes ?? name.length, true);
      const { base, bytes } = this.#vector(header);
      this.#at(base, bytes).set(octets);
      this.#view().setUint32(this.#offset(header + 56), claimedBytes ?? octets.length, true);
    }
    return taken.length + this.excess;
  }

  send(_descriptor: number, headers: number, count: number): number {
    this.asked.push(count);
    const outcome = this.outcomes.shift() ?? count;
    if (typeof outcome === 'string') return this.#fail(outcome);
    for (let i = 0; i < outcome; i++) {
      const header = headers + i * MMSGHDR_BYTES;
      const { base, bytes } = this.#vector(header);
      const name = this.#at(this.#pointer(header), this.#word(header + 8)).slice();
      this.sent.push({ name, octets: this.#at(base, bytes).slice() });
    }
    return outcome;
  }

  lastError(): number {
    return this.#lastError;
  }

  #fail(error: keyof typeof constants.errno): -1 {
    this.#lastError = constants.errno[error];
    return -1;
  }

  #vector(header: number): { readonly base: number; readonly bytes: number } {
    const [vector, count] = [this.#pointer(header + 16), this.#pointer(header + 24)];
    if (count !== 1) throw new Error(`${count} vectors`);
    if (this.#pointer(header + 32) !== 0 || this.#pointer(header + 40) !== 0) throw new Error('control data');
    return { base: this.#pointer(vector), bytes: this.#pointer(vector + 8) };
  }

  #pointer(address: number): number {
    return Number(this.#view().getBigUint64(this.#offset(address), true));
  }

  #word(address: number): number {
    return this.#view().getUint32(this.#offset(address), true);
  }

  #view(): DataView {
    return new DataView(this.#memory);
  }

  #offset(address: number): number {
    return address - this.#base;
  }

  #at(address: number, bytes: number): Uint8Array {
    return new Uint8Array(this.#memory, this.#offset(address), bytes);
  }
}
