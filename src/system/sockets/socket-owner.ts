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
const WAITS_TO_BE_ACCEPTED: ReadonlySet<string> = new Set(['01', '03', '08']);

const IPV4_ANY = Buffer.alloc(4);
const IPV6_ANY = Buffer.alloc(16);
const IPV6_LOOPBACK = Buffer.concat([Buffer.alloc(15), Buffer.of(1)]);
/** RFC 4291 §2.5.5.2: what stands in front of an IPv4 address where an IPv6 socket uses it. */
const IPV4_MAPPED = Buffer.concat([Buffer.alloc(10), Buffer.of(0xff, 0xff)]);

/**
 * Says which user of this machine has a socket, as identd did (RFC 1413): from the kernel's tables of sockets (proc_net_tcp.rst), which
 * anybody may read.
 *
 * A look-up takes 0.3 ms of a processor for UDP and 6 ms for TCP, whose table the kernel walks slot by slot, taken or not; with 2000 sockets
 * more 12 ms (measured; nearly all of it in Node's thread pool). That is for queries through Tor, which take a hundred times as long.
 */
export class SocketOwners {
  readonly #tables = {
    udp: new SocketTable('udp'),
    udp6: new SocketTable('udp6'),
    tcp: new SocketTable('tcp'),
    tcp6: new SocketTable('tcp6'),
  };

  /**
   * Whether clients' sockets are in the tables. Outside Linux, and in some containers, there are none; and a socket that was handed over may
   * belong to another network namespace than this process, whose tables do not show it.
   * @param descriptor of a socket that clients send to
   */
  async available(descriptor: number | undefined): Promise<boolean> {
    if (descriptor === undefined) return this.#tables.udp.exists();
    const link = await readlink(`/proc/self/fd/${descriptor}`).catch(() => '');
    const inode = /^socket:\[(\d+)\]$/.exec(link)?.[1];
    const tables = await Promise.all(Object.values(this.#tables).map((table) => table.read()));
    return inode !== undefined && tables.some((table) => table.includes(` ${inode} `));
  }

  /**
   * The user id that owns the other side's socket; undefined if it is closed by now, or if sockets of several users could be meant.
   * @param address a loopback address
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
      // What is not connected may be bound to all addresses. TCP clients are connected; a listener of the same port is not meant.
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
        return WAITS_TO_BE_ACCEPTED.has(state) ? 'unaccepted' : undefined;
      }
    }
    return undefined;
  }
}

/** One of the kernel's tables. Reads are shared, so that a burst of queries is one read under way and one to follow, not a read for each. */
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

  /** From a read that begins after this call: in one under way, a socket that has just been opened may be missing. Empty where there is none. */
  read(): Promise<string> {
    this.#next ??= this.#current.then(() => {
      this.#next = undefined;
      this.#current = readFile(this.#path, 'latin1').catch(() => '');
      return this.#current;
    });
    return this.#next;
  }
}

/** Address and port as the tables have them: in hexadecimal, each 32-bit word of the address in the machine's own order of bytes. */
function formatEndpoint(address: Buffer, port: number): string {
  const hex = (value: number, digits: number): string => value.toString(16).toUpperCase().padStart(digits, '0');
  let text = '';
  for (let offset = 0; offset < address.length; offset += 4) {
    text += hex(endianness() === 'LE' ? address.readUInt32LE(offset) : address.readUInt32BE(offset), 8);
  }
  return `${text}:${hex(port, 4)}`;
}

/** The users whose sockets have one of these local endpoints. */
function ownersIn(table: string, endpoints: readonly string[]): Set<number> {
  const owners = new Set<number>();
  for (const line of table.split('\n')) {
    // Other sockets' lines, of which there may be thousands, are not taken apart.
    if (!endpoints.some((endpoint) => line.includes(endpoint))) continue;
    const row = parseSocketRow(line);
    if (row !== undefined && endpoints.includes(row.local)) owners.add(row.uid);
  }
  return owners;
}
