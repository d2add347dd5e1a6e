import { constants } from 'node:fs';
import { access, readFile, readlink } from 'node:fs/promises';
import { isIPv6, type Socket } from 'node:net';
import { endianness } from 'node:os';
import {
  parseAnyRow,
  parseSocketRow,
  plainAddress,
  portSuffix,
  readPlainAddress,
  SOCKET_TABLES,
} from './socket-table.ts';

type Transport = 'udp' | 'tcp';

/** Both ends of a TCP connection, seen from this process. */
export type Connection = Pick<Socket, 'localAddress' | 'localPort' | 'remoteAddress' | 'remotePort' | 'destroyed'>;

/**
 * States of a connection before accept(2) (net/tcp_states.h): TCP_ESTABLISHED, TCP_SYN_RECV, and TCP_CLOSE_WAIT after
 * the client's FIN.
 */
const NOT_ACCEPTED_YET: ReadonlySet<string> = new Set(['01', '03', '08']);

const IPV4_ANY = Buffer.alloc(4);
const IPV6_ANY = Buffer.alloc(16);
const IPV6_LOOPBACK = Buffer.concat([Buffer.alloc(15), Buffer.of(1)]);
/** Prefix of an IPv4 address on an IPv6 socket (RFC 4291 §2.5.5.2). */
const IPV4_MAPPED = Buffer.concat([Buffer.alloc(10), Buffer.of(0xff, 0xff)]);

/**
 * Finds the user who owns a socket of this machine, like identd (RFC 1413). Reads the kernel's socket tables
 * (proc_net_tcp.rst), which every user may read.
 *
 * A look-up takes 0.3 ms of CPU time for UDP, and 6 ms for TCP, because the kernel also walks the empty slots of that
 * table. 2000 sockets add 12 ms (measured; nearly all in Node's thread pool). Only queries through Tor need it, and
 * they take a hundred times as long.
 */
export class SocketOwners {
  readonly #tables = {
    udp: new SocketTable('udp'),
    udp6: new SocketTable('udp6'),
    tcp: new SocketTable('tcp'),
    tcp6: new SocketTable('tcp6'),
  };

  /**
   * Whether the tables show the sockets of clients. Other systems and some containers have no tables. A socket that was
   * handed over may belong to another network namespace.
   *
   * @param descriptor file descriptor of a socket that clients send to
   */
  async available(descriptor: number | undefined): Promise<boolean> {
    if (descriptor === undefined) return this.#tables.udp.exists();
    const link = await readlink(`/proc/self/fd/${descriptor}`).catch(() => '');
    const inode = /^socket:\[(\d+)\]$/.exec(link)?.[1];
    const tables = await Promise.all(Object.values(this.#tables).map((table) => table.read()));
    return inode !== undefined && tables.some((table) => table.includes(` ${inode} `));
  }

  /**
   * Finds the user id of the client's socket. Undefined if it is closed, or if sockets of several users match.
   *
   * @param address the client's loopback address
   */
  async find(transport: Transport, address: string, port: number): Promise<number | undefined> {
    const { [transport]: ipv4Table, [`${transport}6` as const]: ipv6Table } = this.#tables;
    const ipv4 = Buffer.from(address.split('.').map(Number));
    const places: readonly (readonly [SocketTable, ...Buffer[]])[] = isIPv6(address)
      ? [[ipv6Table, IPV6_LOOPBACK, IPV6_ANY]]
      : [
          [ipv4Table, ipv4, IPV4_ANY],
          [ipv6Table, Buffer.concat([IPV4_MAPPED, ipv4]), IPV6_ANY],
        ];
    for (const [table, ...addresses] of places) {
      // An unconnected UDP socket may be bound to all addresses. A TCP client is connected, so a match with all
      // addresses would be a listener.
      const bound = transport === 'udp' ? addresses : addresses.slice(0, 1);
      const endpoints = bound.map((bytes) => formatEndpoint(bytes, port));
      const owners = ownersIn(await table.read(), endpoints);
      if (owners.size > 0) return owners.size === 1 ? [...owners][0] : undefined;
    }
    return undefined;
  }

  /**
   * Finds the user id of the process that accepted a TCP connection. Undefined if that process is on another machine or
   * in another network namespace, if the connection is closed, or if the system does not say.
   */
  async findPeer(connection: Connection): Promise<number | 'unaccepted' | undefined> {
    const { localAddress = '', localPort = 0, remoteAddress = '', remotePort = 0 } = connection;
    const [here, there] = [plainAddress(localAddress), plainAddress(remoteAddress)];
    const [herePort, therePort] = [portSuffix(localPort), portSuffix(remotePort)];
    for (const table of [this.#tables.tcp, this.#tables.tcp6]) {
      for (const line of (await table.read()).split('\n')) {
        // There may be thousands of sockets, so only lines with both ports are parsed.
        if (!line.includes(therePort) || !line.includes(herePort)) continue;
        const { local, remote, state, uid, inode } = parseAnyRow(line);
        // The row shows the other end, so its local address is our remote one.
        if (!local.endsWith(therePort) || !remote.endsWith(herePort)) continue;
        if (readPlainAddress(local) !== there || readPlainAddress(remote) !== here) continue;
        if (inode > 0) return uid;
        return NOT_ACCEPTED_YET.has(state) ? 'unaccepted' : undefined;
      }
    }
    return undefined;
  }
}

/** One of the kernel's tables. Reads are shared: a burst of queries causes one more read after the present one. */
class SocketTable {
  readonly #path: string;
  #current: Promise<string> = Promise.resolve('');
  #next: Promise<string> | undefined;

  constructor(name: string) {
    this.#path = `${SOCKET_TABLES}/${name}`;
  }

  exists(): Promise<boolean> {
    return access(this.#path, constants.R_OK).then(
      () => true,
      () => false,
    );
  }

  /**
   * Reads the table. The read begins after this call, because an earlier one may miss a socket that was just opened.
   * Empty if the table does not exist.
   */
  read(): Promise<string> {
    this.#next ??= this.#current.then(() => {
      this.#next = undefined;
      this.#current = readFile(this.#path, 'latin1').catch(() => '');
      return this.#current;
    });
    return this.#next;
  }
}

/**
 * Formats an endpoint as in the tables: in hexadecimal, each 32-bit word of the address in the machine's byte order.
 */
function formatEndpoint(address: Buffer, port: number): string {
  const hex = (value: number, digits: number): string => value.toString(16).toUpperCase().padStart(digits, '0');
  let text = '';
  for (let offset = 0; offset < address.length; offset += 4) {
    text += hex(endianness() === 'LE' ? address.readUInt32LE(offset) : address.readUInt32BE(offset), 8);
  }
  return `${text}:${hex(port, 4)}`;
}

/** Finds the users whose sockets have one of these local endpoints. */
function ownersIn(table: string, endpoints: readonly string[]): Set<number> {
  const owners = new Set<number>();
  for (const line of table.split('\n')) {
    // There may be thousands of sockets, so only lines with an endpoint are parsed.
    if (!endpoints.some((endpoint) => line.includes(endpoint))) continue;
    const row = parseSocketRow(line);
    if (row !== undefined && endpoints.includes(row.local)) owners.add(row.uid);
  }
  return owners;
}
