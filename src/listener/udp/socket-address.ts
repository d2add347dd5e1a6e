import { constants } from 'node:os';
import { ZONE } from '../../lib/ip-address.ts';
import { readU16, writeU16 } from '../../message/wire/bytes.ts';
import type { AddressFamily } from '../../model/query.ts';
import { type AddressCalls, AF_INET, AF_INET6, SystemCallError } from './linux-sockets.ts';

/*
 * Layouts of the structures:
 *
 *   sockaddr_in    0 family   2 port (big-endian)   4 address                              16 bytes (ip(7))
 *   sockaddr_in6   0 family   2 port (big-endian)   4 flow   8 address   24 scope          28 bytes (ipv6(7))
 */
const PORT = 2;
const SCOPE = 24;
/** The octets from `address` to `textEnd` determine the text of an address. */
const LAYOUTS = {
  4: { family: AF_INET, bytes: 16, address: 4, addressBytes: 4, textEnd: 8 },
  6: { family: AF_INET6, bytes: 28, address: 8, addressBytes: 16, textEnd: 28 },
} as const;

/**
 * Reads and writes the kernel's `sockaddr` structures of one family. Every structure has `bytes` octets.
 */
export class SocketAddressCodec {
  readonly #calls: AddressCalls;
  readonly #layout: (typeof LAYOUTS)[AddressFamily];
  /** The last address read and the last one written: most queries come from the same address as the one before. */
  readonly #lastRead: Uint8Array;
  #lastTextRead: string | undefined;
  readonly #lastWritten: Uint8Array;
  #lastTextWritten: string | undefined;

  constructor(calls: AddressCalls, family: AddressFamily) {
    this.#calls = calls;
    this.#layout = LAYOUTS[family];
    this.#lastRead = new Uint8Array(this.#layout.bytes);
    this.#lastWritten = new Uint8Array(this.#layout.bytes);
  }

  /** Size of a structure. */
  get bytes(): number {
    return this.#layout.bytes;
  }

  /**
   * Creates a structure.
   * @throws SystemCallError if `write` would return false
   */
  create(text: string, port: number): Uint8Array {
    const target = new Uint8Array(this.bytes);
    if (!this.write(text, port, target)) throw new SystemCallError('inet_pton', constants.errno.EADDRNOTAVAIL);
    return target;
  }

  /**
   * Writes a structure to `target`.
   * @returns false if `text` is not an address of the family, or its zone is not a network interface
   */
  write(text: string, port: number, target: Uint8Array): boolean {
    if (text !== this.#lastTextWritten) {
      this.#lastTextWritten = undefined;
      if (!this.#parse(text, this.#lastWritten)) return false;
      this.#lastTextWritten = text;
    }
    target.set(this.#lastWritten);
    writeU16(target, PORT, port);
    return true;
  }

  #parse(text: string, target: Uint8Array): boolean {
    const { family, address, addressBytes } = this.#layout;
    const zoneAt = text.indexOf(ZONE);
    const host = zoneAt === -1 ? text : text.slice(0, zoneAt);
    const scope = zoneAt === -1 ? 0 : this.#calls.interfaceIndex(text.slice(zoneAt + 1));
    if (zoneAt !== -1 && scope === 0) return false;
    new Uint16Array(target.buffer)[0] = family;
    if (family === AF_INET6) scopeOf(target)[0] = scope;
    return this.#calls.parseAddress(family, host, target.subarray(address, address + addressBytes));
  }

  /** The port in a structure. */
  port(source: Uint8Array): number {
    return readU16(source, PORT);
  }

  /** The address in a structure as Node writes it: in its shortest form, with its zone. */
  text(source: Uint8Array): string {
    if (this.#lastTextRead === undefined || !this.#isLastRead(source)) {
      this.#lastRead.set(source);
      this.#lastTextRead = this.#format(source);
    }
    return this.#lastTextRead;
  }

  #isLastRead(source: Uint8Array): boolean {
    const { address, textEnd } = this.#layout;
    for (let i = address; i < textEnd; i++) if (source[i] !== this.#lastRead[i]) return false;
    return true;
  }

  #format(source: Uint8Array): string {
    const { family, address, addressBytes } = this.#layout;
    const host = this.#calls.formatAddress(family, source.subarray(address, address + addressBytes));
    const scope = family === AF_INET6 ? (scopeOf(source)[0] as number) : 0;
    return scope === 0 ? host : `${host}${ZONE}${this.#calls.interfaceName(scope) ?? scope}`;
  }
}

/** The field with the index of the network interface, in the machine's byte order. */
function scopeOf(socketAddress: Uint8Array): Uint32Array {
  return new Uint32Array(socketAddress.buffer, socketAddress.byteOffset + SCOPE, 1);
}
