import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import type Koffi from 'koffi';
import { Dns4torError } from '../../failures/errors.ts';
import type { AddressFamily } from '../../model/query.ts';
import { PollWatch, type Watch } from './poll-watch.ts';

/*
 * System calls that Node does not offer, through the optional package `koffi`. The kernel reads and writes the caller's
 * memory within the bounds of the caller's structures. datagram-batch.ts explains why that is safe.
 */

/**
 * The architectures for which the constants below and the layouts of datagram-batch.ts are right: 64 bits,
 * little-endian, with the kernel's generic constants.
 */
const ARCHITECTURES: readonly string[] = ['x64', 'arm64'];

// Constants of <sys/socket.h> and <netinet/in.h>.
/** Address family of IPv4 (<sys/socket.h>). */
export const AF_INET = 2;
/** Address family of IPv6 (<sys/socket.h>). */
export const AF_INET6 = 10;
const AF_UNIX = 1;
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
const MSG_NOSIGNAL = 0x4000;

/** INET6_ADDRSTRLEN, which is longer than any interface name (IF_NAMESIZE). */
const TEXT_BYTES = 46;

/** A failed system call. Like Node's errors it has the name of the errno in `code`. */
export class SystemCallError extends Error {
  readonly code: string;

  constructor(call: string, errno: number) {
    const code = getSystemErrorName(-errno);
    super(`${call}: ${code}`);
    this.name = 'SystemCallError';
    this.code = code;
  }
}

/** Calls that receive and send datagrams. Apart from `addressOf`, arguments go to the kernel unchecked. */
export interface DatagramCalls {
  /** The address of a buffer. It does not change, and stays valid while the caller holds the buffer. */
  addressOf(memory: ArrayBuffer): number;
  /**
   * recvmmsg(2) without blocking, into `count` structures at `headers`. Returns the number of datagrams, or -1 if there
   * was none or on an error.
   */
  receive(descriptor: number, headers: number, count: number): number;
  /** sendmmsg(2) without blocking. Returns the number of datagrams sent, or -1 if the first one failed. */
  send(descriptor: number, headers: number, count: number): number;
  /** The errno(3) of the last failed call. */
  lastError(): number;
}

/** Calls that convert between addresses and text. */
export interface AddressCalls {
  /** inet_pton(3). Returns false if `text` is not an address of the family. `target` has 4 or 16 bytes. */
  parseAddress(family: number, text: string, target: Uint8Array): boolean;
  /** inet_ntop(3). */
  formatAddress(family: number, source: Uint8Array): string;
  /** if_nametoindex(3). Returns 0 if there is no such network interface. */
  interfaceIndex(name: string): number;
  /** if_indextoname(3). */
  interfaceName(index: number): string | undefined;
}

/** Datagrams to unix sockets, which Node cannot send. */
export interface UnixDatagramCalls {
  /**
   * Sends one datagram without blocking.
   * @param path of the socket; a leading `@` stands for the zero byte of an abstract name (unix(7))
   * @throws SystemCallError
   */
  sendToUnix(path: string, octets: Uint8Array): void;
}

/** Batched UDP I/O on Linux. */
export interface LinuxSockets extends DatagramCalls, AddressCalls, UnixDatagramCalls {
  /**
   * Opens a UDP socket and binds it to `socketAddress`, a `sockaddr` structure. It is non-blocking and close-on-exec.
   * @throws SystemCallError
   */
  openUdp(socketAddress: Uint8Array, receiveBufferBytes: number): number;
  /** @throws SystemCallError EPROTONOSUPPORT if it is not a UDP socket */
  familyOf(descriptor: number): AddressFamily;
  /**
   * The address that a socket is bound to, as a `sockaddr` structure of `bytes` bytes.
   * @throws SystemCallError
   */
  boundTo(descriptor: number, bytes: number): Uint8Array;
  /** Has the event loop call `onReady` whenever a socket is readable. Close the watch before the socket. */
  watch(descriptor: number, onReady: () => void): Watch;
  /** Closes a descriptor that nothing else owns. */
  close(descriptor: number): void;
}

/**
 * Loads koffi and binds the system calls.
 * @throws Dns4torError ERR_LISTEN_BATCH if the system is unsupported or koffi is not installed
 */
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
  // The process itself, which has loaded its libc: glibc or musl.
  const libc = koffi.load(null);
  const socket: (domain: number, type: number, protocol: number) => number = libc.func('int socket(int, int, int)');
  const bind: (descriptor: number, address: Uint8Array, bytes: number) => number = libc.func(
    'int bind(int, const void *, unsigned int)',
  );
  const close: (descriptor: number) => number = libc.func('int close(int)');
  const setsockopt: (descriptor: number, level: number, option: number, value: Int32Array, bytes: number) => number =
    libc.func('int setsockopt(int, int, int, const void *, unsigned int)');
  // Memory addresses are passed as numbers: looking up the address of an array would double the cost of a call.
  const recvmmsg: (descriptor: number, headers: number, count: number, flags: number, timeout: number) => number =
    libc.func('int recvmmsg(int, uintptr_t, unsigned int, int, uintptr_t)');
  const sendmmsg: (descriptor: number, headers: number, count: number, flags: number) => number = libc.func(
    'int sendmmsg(int, uintptr_t, unsigned int, int)',
  );
  const sendto: (
    descriptor: number,
    octets: Uint8Array,
    bytes: number,
    flags: number,
    address: Uint8Array,
    addressBytes: number,
  ) => number = libc.func('intptr_t sendto(int, const void *, size_t, int, const void *, unsigned int)');
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
      // RFC 9715 §3.1, R2: replies are never fragmented, because fragments can be forged. It also saves the kernel from
      // generating IP IDs for reassembly.
      if (family === AF_INET6) set(descriptor, IPPROTO_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_PROBE);
      else set(descriptor, IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_PROBE);
      // SO_RCVBUFFORCE exceeds the system's limit (net.core.rmem_max), but requires a privilege.
      if (!set(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, receiveBufferBytes)) {
        set(descriptor, SOL_SOCKET, SO_RCVBUF, receiveBufferBytes);
      }
      if (bind(descriptor, socketAddress, socketAddress.length) === 0) return descriptor;
      const error = new SystemCallError('bind', koffi.errno());
      close(descriptor);
      throw error;
    },
    sendToUnix(path, octets) {
      const descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      if (descriptor === -1) throw new SystemCallError('socket', koffi.errno());
      const address = unixAddress(path);
      const sentBytes = sendto(descriptor, octets, octets.length, MSG_NOSIGNAL, address, address.length);
      const errno = koffi.errno();
      close(descriptor);
      if (sentBytes === -1) throw new SystemCallError('sendto', errno);
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

/** The `sockaddr_un` of a path, or of an abstract name if it begins with `@`. An abstract name has no final zero. */
function unixAddress(path: string): Uint8Array {
  const name = path.startsWith('@') ? `\0${path.slice(1)}` : `${path}\0`;
  const address = Buffer.alloc(2 + Buffer.byteLength(name));
  address.writeUInt16LE(AF_UNIX);
  address.write(name, 2);
  return address;
}
