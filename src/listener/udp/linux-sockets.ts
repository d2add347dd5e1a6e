import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import type Koffi from 'koffi';
import { Dns4torError } from '../../failures/errors.ts';
import type { AddressFamily } from '../../model/query.ts';
import { PollWatch, type Watch } from './poll-watch.ts';

/*
 * The system calls that Node has no function for, through the optional package `koffi`. What the kernel reads and writes is memory that the
 * caller holds, as far as the caller's structures say: see datagram-batch.ts for why that is safe.
 */

/** Of 64 bits, little-endian, with the kernel's generic constants: where the numbers below and the layouts of datagram-batch.ts hold. */
const ARCHITECTURES: readonly string[] = ['x64', 'arm64'];

export const AF_INET = 2;
export const AF_INET6 = 10;
const FAMILIES: Readonly<Record<number, AddressFamily>> = { [AF_INET]: 4, [AF_INET6]: 6 };
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVBUFFORCE = 33;
const SO_PROTOCOL = 38;
const SO_DOMAIN = 39;
const IPPROTO_UDP = 17;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const IPV6_MTU_DISCOVER = 23;
const IPPROTO_IP = 0;
const IP_MTU_DISCOVER = 10;
const PMTUDISC_PROBE = 3;
const MSG_DONTWAIT = 0x40;

/** INET6_ADDRSTRLEN, and more than an interface's name has (IF_NAMESIZE). */
const TEXT_BYTES = 46;

/** A failed call, with the name of its reason where Node's own errors have it. */
export class SystemCallError extends Error {
  readonly code: string;

  constructor(call: string, errno: number) {
    const code = getSystemErrorName(-errno);
    super(`${call}: ${code}`);
    this.name = 'SystemCallError';
    this.code = code;
  }
}

/** Calls that take and send datagrams. All but `addressOf` leave what they are given to the kernel as it stands. */
export interface DatagramCalls {
  /** Where memory lies. It stays there, and is there for as long as the caller holds it. */
  addressOf(memory: ArrayBuffer): number;
  /** recvmmsg(2) without waiting, into `count` structures at `headers`. Returns how many datagrams were taken; -1 for none, or an error. */
  receive(descriptor: number, headers: number, count: number): number;
  /** sendmmsg(2) without waiting. Returns how many were sent, from the first on; -1 where the first was not. */
  send(descriptor: number, headers: number, count: number): number;
  /** Why the last call failed (errno(3)). */
  lastError(): number;
}

/** Calls that know addresses by their text. */
export interface AddressCalls {
  /** inet_pton(3): false for what is no address of the family. `target` has room for one: 4 or 16 bytes. */
  parseAddress(family: number, text: string, target: Uint8Array): boolean;
  /** inet_ntop(3). */
  formatAddress(family: number, source: Uint8Array): string;
  /** if_nametoindex(3): 0 if there is no such network interface. */
  interfaceIndex(name: string): number;
  /** if_indextoname(3). */
  interfaceName(index: number): string | undefined;
}

export interface LinuxSockets extends DatagramCalls, AddressCalls {
  /**
   * Opens a UDP socket that does not block, is not inherited, and is bound to the structure `sockaddr` that is given.
   * @throws SystemCallError
   */
  openUdp(socketAddress: Uint8Array, receiveBufferBytes: number): number;
  /** @throws SystemCallError with EPROTONOSUPPORT: it is no UDP socket */
  familyOf(descriptor: number): AddressFamily;
  /**
   * What a socket is bound to: a structure `sockaddr` of so many bytes.
   * @throws SystemCallError
   */
  boundTo(descriptor: number, bytes: number): Uint8Array;
  /** Has the event loop call `onReady` whenever something waits on a socket. It is closed before the socket is. */
  watch(descriptor: number, onReady: () => void): Watch;
  /** For a descriptor that nothing else owns. */
  close(descriptor: number): void;
}

/** @throws Dns4torError ERR_LISTEN_BATCH where this system or installation has not got them */
export async function loadLinuxSockets(): Promise<LinuxSockets> {
  const { platform, arch } = process;
  if (platform !== 'linux' || !ARCHITECTURES.includes(arch)) {
    throw new Dns4torError('ERR_LISTEN_BATCH', `${platform} on ${arch}`);
  }
  try {
    const { default: koffi } = await import('koffi');
    return bindLibc(koffi);
  } catch (error) {
    throw new Dns4torError('ERR_LISTEN_BATCH', 'koffi cannot be loaded', error);
  }
}

function bindLibc(koffi: typeof Koffi): LinuxSockets {
  // The process itself, in which any libc is found: glibc or musl.
  const libc = koffi.load(null);
  const socket: (domain: number, type: number, protocol: number) => number = libc.func('int socket(int, int, int)');
  const bind: (descriptor: number, address: Uint8Array, bytes: number) => number = libc.func(
    'int bind(int, const void *, unsigned int)',
  );
  const close: (descriptor: number) => number = libc.func('int close(int)');
  const setsockopt: (descriptor: number, level: number, option: number, value: Int32Array, bytes: number) => number =
    libc.func('int setsockopt(int, int, int, const void *, unsigned int)');
  // Addresses of memory as numbers: looking up where an array lies would cost as much as the rest of the call.
  const recvmmsg: (descriptor: number, headers: number, count: number, flags: number, timeout: number) => number =
    libc.func('int recvmmsg(int, uintptr_t, unsigned int, int, uintptr_t)');
  const sendmmsg: (descriptor: number, headers: number, count: number, flags: number) => number = libc.func(
    'int sendmmsg(int, uintptr_t, unsigned int, int)',
  );
  const pton: (family: number, text: string, target: Uint8Array) => number = libc.func(
    'int inet_pton(int, const char *, void *)',
  );
  const ntop: (family: number, source: Uint8Array, text: Uint8Array, bytes: number) => string = libc.func(
    'const char *inet_ntop(int, const void *, void *, unsigned int)',
  );
  const nametoindex: (name: string) => number = libc.func('unsigned int if_nametoindex(const char *)');
  const indextoname: (index: number, name: Uint8Array) => string | null = libc.func(
    'const char *if_indextoname(unsigned int, void *)',
  );

  const getsockopt: (
    descriptor: number,
    level: number,
    option: number,
    value: Int32Array,
    bytes: Uint32Array,
  ) => number = libc.func('int getsockopt(int, int, int, void *, void *)');
  const getsockname: (descriptor: number, address: Uint8Array, bytes: Uint32Array) => number = libc.func(
    'int getsockname(int, void *, void *)',
  );

  const text = new Uint8Array(TEXT_BYTES);
  const get = (descriptor: number, option: number): number => {
    const value = Int32Array.of(-1);
    getsockopt(descriptor, SOL_SOCKET, option, value, Uint32Array.of(Int32Array.BYTES_PER_ELEMENT));
    return value[0] as number;
  };
  const set = (descriptor: number, level: number, option: number, value: number): boolean =>
    setsockopt(descriptor, level, option, Int32Array.of(value), Int32Array.BYTES_PER_ELEMENT) === 0;

  return {
    addressOf: (memory) => Number(koffi.address(memory)),
    receive: (descriptor, headers, count) => recvmmsg(descriptor, headers, count, MSG_DONTWAIT, 0),
    send: (descriptor, headers, count) => sendmmsg(descriptor, headers, count, MSG_DONTWAIT),
    lastError: () => koffi.errno(),
    parseAddress: (family, address, target) => pton(family, address, target) === 1,
    formatAddress: (family, source) => ntop(family, source, text, text.length),
    interfaceIndex: (name) => nametoindex(name),
    interfaceName: (index) => indextoname(index, text) ?? undefined,
    openUdp(socketAddress, receiveBufferBytes) {
      const [family = 0] = new Uint16Array(socketAddress.buffer, socketAddress.byteOffset, 1);
      const descriptor = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      if (descriptor === -1) throw new SystemCallError('socket', koffi.errno());
      if (family === AF_INET6) set(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 1);
      // RFC 9715 §3.1, R2: replies are never sent in fragments, which can be forged. Nor need the kernel number what is never put together again.
      if (family === AF_INET6) set(descriptor, IPPROTO_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_PROBE);
      else set(descriptor, IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_PROBE);
      // The first goes past the system's limit (net.core.rmem_max), and takes a privilege.
      if (!set(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, receiveBufferBytes)) {
        set(descriptor, SOL_SOCKET, SO_RCVBUF, receiveBufferBytes);
      }
      if (bind(descriptor, socketAddress, socketAddress.length) === 0) return descriptor;
      const error = new SystemCallError('bind', koffi.errno());
      close(descriptor);
      throw error;
    },
    familyOf(descriptor) {
      const family = FAMILIES[get(descriptor, SO_DOMAIN)];
      if (get(descriptor, SO_PROTOCOL) === IPPROTO_UDP && family !== undefined) return family;
      throw new SystemCallError('getsockopt', constants.errno.EPROTONOSUPPORT);
    },
    boundTo(descriptor, bytes) {
      const address = new Uint8Array(bytes);
      if (getsockname(descriptor, address, Uint32Array.of(bytes)) === 0) return address;
      throw new SystemCallError('getsockname', koffi.errno());
    },
    watch: (descriptor, onReady) => new PollWatch(koffi.node.poll, descriptor, onReady),
    close: (descriptor) => void close(descriptor),
  };
}
