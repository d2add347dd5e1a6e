import { basename } from 'node:path';
import type { FileSystem } from '../transaction/file-system.ts';
import { parseSocketRow, portSuffix, readAddress, SOCKET_TABLES, type SocketRow } from './socket-table.ts';

/** Who has a port of an address of this machine. */
export interface PortHolder {
  readonly transport: 'udp' | 'tcp';
  /** `0.0.0.0` and `::` stand for all addresses. */
  readonly address: string;
  readonly uid: number;
  /** Names of the programs, or of the script that Node runs; none where this process may not see whose it is, which takes root for other users' processes. */
  readonly programs: readonly string[];
}

const TABLES = ['udp', 'udp6', 'tcp', 'tcp6'] as const;

/** net/tcp_states.h: TCP_LISTEN, and TCP_CLOSE, which is a datagram socket that is connected to nobody. */
const WAITS_FOR_CLIENTS: Readonly<Record<'udp' | 'tcp', string>> = { udp: '07', tcp: '0A' };

/** The sockets that take what comes to a port, whoever has them. Undefined where the system does not say. */
export async function findPortHolders(fs: FileSystem, port: number): Promise<readonly PortHolder[] | undefined> {
  const tables = await Promise.all(TABLES.map((name) => readTable(fs, name)));
  if (tables.every((rows) => rows === undefined)) return undefined;
  const found = tables.flatMap((rows, index) => {
    const transport = index < 2 ? ('udp' as const) : ('tcp' as const);
    const suffix = portSuffix(port);
    return (rows ?? [])
      .filter(({ local, state }) => local.endsWith(suffix) && state === WAITS_FOR_CLIENTS[transport])
      .map((row) => ({ transport, address: readAddress(row.local), uid: row.uid, inode: row.inode }));
  });
  const programs = await findPrograms(fs, new Set(found.map(({ inode }) => inode)));
  return found.map(({ inode, ...holder }) => ({ ...holder, programs: [...(programs.get(inode) ?? [])].toSorted() }));
}

async function readTable(fs: FileSystem, name: string): Promise<readonly SocketRow[] | undefined> {
  const bytes = await fs.read(`${SOCKET_TABLES}/${name}`).catch(() => undefined);
  if (bytes === undefined) return undefined;
  const lines = Buffer.from(bytes).toString('latin1').split('\n');
  return lines.map(parseSocketRow).filter((row) => row !== undefined);
}

/** The names of those who have these sockets open. */
async function findPrograms(
  fs: FileSystem,
  inodes: ReadonlySet<number>,
): Promise<ReadonlyMap<number, ReadonlySet<string>>> {
  const programs = new Map<number, Set<string>>();
  if (inodes.size === 0) return programs;
  const processes = (await fs.list('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  // One after the other: there may be thousands of descriptors, and Node's file operations have four threads.
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
  // Node names its process after a thread of its own.
  if (basename(program) === 'node' && script !== undefined) return basename(script, '.js');
  return (await read('comm')).trim();
}

/** Processes end while they are looked at, and others' descriptors are not for everybody. */
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
