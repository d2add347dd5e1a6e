import { isIPv4 } from 'node:net';
import { endianness } from 'node:os';

/** The kernel's tables of sockets (proc_net_tcp.rst), of this process's network namespace. Not /proc/net, which systemd's ProcSubset=pid hides. */
export const SOCKET_TABLES = '/proc/self/net';

const IPV4_DIGITS = 8;
/** RFC 4291 §2.5.5.2: how an IPv6 socket writes an IPv4 address. */
const IPV4_MAPPED = '::ffff:';

/** A socket that some process has. */
export interface SocketRow {
  /** Address and port in hexadecimal, each 32-bit word of the address in the machine's own order of bytes. */
  readonly local: string;
  /** The same of the other end; zeros where there is none. */
  readonly remote: string;
  /** As the kernel counts them (net/tcp_states.h), in hexadecimal. */
  readonly state: string;
  readonly uid: number;
  /** What the links in /proc/PID/fd name it by. */
  readonly inode: number;
}

/** Undefined for the head of a table, and for a socket that is no process's, now or any more, whose user is given as 0 whoever it is. */
export function parseSocketRow(line: string): SocketRow | undefined {
  const row = parseAnyRow(line);
  return row.inode > 0 ? row : undefined;
}

/** The same of sockets without a process, too, whose inode is 0. */
export function parseAnyRow(line: string): SocketRow {
  const [, local = '', remote = '', state = '', , , , uid, , inode] = line.trim().split(/\s+/);
  return { local, remote, state, uid: Number(uid), inode: Number(inode) };
}

/** Port as the tables have it, with the colon in front. */
export function portSuffix(port: number): string {
  return `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
}

/** The address of an endpoint of a row, in its shortest form. */
export function readAddress(endpoint: string): string {
  const [hex = ''] = endpoint.split(':');
  const bytes = Buffer.from(hex, 'hex');
  if (endianness() === 'LE') bytes.swap32();
  if (hex.length === IPV4_DIGITS) return bytes.join('.');
  const groups = Array.from({ length: bytes.length / 2 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16));
  // As a URL writes it, which is the shortest form (RFC 5952).
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/** The address of an endpoint of a row, an IPv4 address as such whichever family of socket uses it. */
export function readPlainAddress(endpoint: string): string {
  const [hex = ''] = endpoint.split(':');
  const address = readAddress(endpoint);
  const isMapped = hex.length > IPV4_DIGITS && address.startsWith(IPV4_MAPPED);
  return isMapped ? readAddress(hex.slice(-IPV4_DIGITS)) : address;
}

/** The same of an address as Node's sockets give it. */
export function plainAddress(address: string): string {
  const mapped = address.startsWith(IPV4_MAPPED) ? address.slice(IPV4_MAPPED.length) : '';
  return isIPv4(mapped) ? mapped : address;
}
