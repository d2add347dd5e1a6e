import { isIPv4 } from 'node:net';
import { endianness } from 'node:os';

/**
 * The kernel's socket tables for the network namespace of this process (proc_net_tcp.rst). Not /proc/net, which
 * systemd's ProcSubset=pid hides.
 */
export const SOCKET_TABLES = '/proc/self/net';

const IPV4_DIGITS = 8;
/** RFC 4291 §2.5.5.2: prefix of an IPv4 address on an IPv6 socket. */
const IPV4_MAPPED = '::ffff:';

/** A row of a socket table. */
export interface SocketRow {
  /** Address and port in hexadecimal. Each 32-bit word of the address is in the machine's byte order. */
  readonly local: string;
  /** The remote end, in the same form; zeros if there is none. */
  readonly remote: string;
  /** The state's number in hexadecimal (net/tcp_states.h). */
  readonly state: string;
  readonly uid: number;
  /** The number in the links of /proc/PID/fd. */
  readonly inode: number;
}

/**
 * Parses a row. Undefined for the header line, and for a socket without a process: the kernel always shows that with
 * user id 0.
 */
export function parseSocketRow(line: string): SocketRow | undefined {
  const row = parseAnyRow(line);
  return row.inode > 0 ? row : undefined;
}

/** Parses a row, including sockets without a process. Their inode is 0. */
export function parseAnyRow(line: string): SocketRow {
  const [, local = '', remote = '', state = '', , , , uid, , inode] = line.trim().split(/\s+/);
  return { local, remote, state, uid: Number(uid), inode: Number(inode) };
}

/** Formats a port as in the tables, with the leading colon. */
export function portSuffix(port: number): string {
  return `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
}

/** Returns the address of a row's endpoint, in its shortest form. */
export function readAddress(endpoint: string): string {
  const [hex = ''] = endpoint.split(':');
  const bytes = Buffer.from(hex, 'hex');
  if (endianness() === 'LE') bytes.swap32();
  if (hex.length === IPV4_DIGITS) return bytes.join('.');
  const groups = Array.from({ length: bytes.length / 2 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16));
  // The URL parser normalises the address (RFC 5952).
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/** Returns the address of a row's endpoint, with an IPv4-mapped address as IPv4. */
export function readPlainAddress(endpoint: string): string {
  const [hex = ''] = endpoint.split(':');
  const address = readAddress(endpoint);
  const isMapped = hex.length > IPV4_DIGITS && address.startsWith(IPV4_MAPPED);
  return isMapped ? readAddress(hex.slice(-IPV4_DIGITS)) : address;
}

/** As {@link readPlainAddress}, for an address from a Node socket. */
export function plainAddress(address: string): string {
  const mapped = address.startsWith(IPV4_MAPPED) ? address.slice(IPV4_MAPPED.length) : '';
  return isIPv4(mapped) ? mapped : address;
}
