import { basename } from 'node:path';
import type { FileSystem } from '../transaction/file-system.ts';
import { parseSocketRow, portSuffix, readAddress, SOCKET_TABLES, type SocketRow } from './socket-table.ts';

/** A listening socket, and the processes that have it open. */
export interface PortHolder {
  readonly transport: 'udp' | 'tcp';
  /** `0.0.0.0` and `::` mean all addresses. */
  readonly address: string;
  readonly uid: number;
  /** Names of the programs; for Node, of its script. Empty if unknown: only root sees the sockets of other users. */
  readonly programs: readonly string[];
}

/** Unspecified addresses, which stand for every address of the machine. */
export const WILDCARDS: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

const TABLES = ['udp', 'udp6', 'tcp', 'tcp6'] as const;

/** States of a socket that accepts clients (net/tcp_states.h): TCP_CLOSE for an unconnected UDP socket, TCP_LISTEN. */
const LISTENING: Readonly<Record<'udp' | 'tcp', string>> = { udp: '07', tcp: '0A' };

/** Finds the sockets that listen on a port. Undefined if the system does not show its socket tables. */
export async function findPortHolders(fs: FileSystem, port: number): Promise<readonly PortHolder[] | undefined> {
  const tables = await Promise.all(TABLES.map((name) => readTable(fs, name)));
  if (tables.every((rows) => rows === undefined)) return undefined;
  const found = tables.flatMap((rows, index) => {
    const transport = index < 2 ? ('udp' as const) : ('tcp' as const);
    const suffix = portSuffix(port);
    return (rows ?? [])
      .filter(({ local, state }) => local.endsWith(suffix) && state === LISTENING[transport])
      .map((row) => ({ transport, address: readAddress(row.local), uid: row.uid, inode: row.inode }));
  });
  const programs = await findPrograms(fs, new Set(found.map(({ inode }) => inode)));
  return found.map(({ inode, ...holder }) => ({ ...holder, programs: [...(programs.get(inode) ?? [])].toSorted() }));
}

/** Names the programs that hold the sockets, without duplicates. */
export function namesOf(holders: readonly PortHolder[]): readonly string[] {
  return [...new Set(holders.map(({ programs, uid }) => programs.join('/') || `a program of user ${uid}`))];
}

async function readTable(fs: FileSystem, name: string): Promise<readonly SocketRow[] | undefined> {
  const bytes = await fs.read(`${SOCKET_TABLES}/${name}`).catch(() => undefined);
  if (bytes === undefined) return undefined;
  const lines = Buffer.from(bytes).toString('latin1').split('\n');
  return lines.map(parseSocketRow).filter((row) => row !== undefined);
}

/** Finds the names of the programs that hold these sockets open. */
async function findPrograms(
  fs: FileSystem,
  inodes: ReadonlySet<number>,
): Promise<ReadonlyMap<number, ReadonlySet<string>>> {
  const programs = new Map<number, Set<string>>();
  if (inodes.size === 0) return programs;
  const processes = (await fs.list('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  // Sequential, because there may be thousands of descriptors, and Node has only four threads for file operations.
  for (const pid of processes) {
    for (const inode of await socketsOf(fs, pid)) {
      if (!inodes.has(inode)) continue;
      const names = programs.get(inode) ?? new Set();
      programs.set(inode, names.add(await nameOf(fs, pid)));
    }
  }
  return programs;
}

async function nameOf(fs: FileSystem, pid: string): Promise<string> {
  const read = async (file: string): Promise<string> =>
    Buffer.from(await fs.read(`/proc/${pid}/${file}`).catch(() => Buffer.from('?'))).toString();
  const [program = '', ...args] = (await read('cmdline')).split('\0');
  const script = args.find((arg) => arg !== '' && !arg.startsWith('-'));
  // The name in `comm` of a Node process is that of a thread.
  if (basename(program) === 'node' && script !== undefined) return basename(script, '.js');
  return (await read('comm')).trim();
}

/** Empty if the process has exited, or if this user may not see its descriptors. */
async function socketsOf(fs: FileSystem, pid: string): Promise<readonly number[]> {
  const descriptors = await fs.list(`/proc/${pid}/fd`).catch(() => []);
  const targets = await Promise.all(
    descriptors.map((descriptor) => fs.readLink(`/proc/${pid}/fd/${descriptor}`).catch(() => '')),
  );
  return targets.flatMap((target) => {
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
    return inode === undefined ? [] : [Number(inode)];
  });
}
