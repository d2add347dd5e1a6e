/** The kernel's tables of sockets (proc_net_tcp.rst), of this process's network namespace. Not /proc/net, which systemd's ProcSubset=pid hides. */
export const SOCKET_TABLES = '/proc/self/net';

/** A socket that some process has. */
export interface SocketRow {
  /** Address and port in hexadecimal, each 32-bit word of the address in the machine's own order of bytes. */
  readonly local: string;
  /** As the kernel counts them (net/tcp_states.h), in hexadecimal. */
  readonly state: string;
  readonly uid: number;
  /** What the links in /proc/PID/fd name it by. */
  readonly inode: number;
}

/** Undefined for the head of a table, and for a socket that is no process's any more, whose user is given as 0 whoever it was. */
export function parseSocketRow(line: string): SocketRow | undefined {
  const [, local = '', , state = '', , , , uid, , inode] = line.trim().split(/\s+/);
  const row = { local, state, uid: Number(uid), inode: Number(inode) };
  return row.inode > 0 ? row : undefined;
}
