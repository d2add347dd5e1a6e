import { Dns4torError } from '../../failures/errors.ts';
import { isLoopback } from '../../lib/ip-address.ts';
import type { Machine } from '../machine.ts';
import { type FileSystem, followLinks } from '../transaction/file-system.ts';
import { MARK } from '../transaction/mark.ts';

/** Configuration file of the C library's resolver (resolv.conf(5)). */
export const RESOLV_CONF = '/etc/resolv.conf';

/** The only possible port: resolv.conf(5) cannot name one. */
export const RESOLV_CONF_PORT = 53;

/** resolv.conf(5): the C library uses the first three servers, and this machine's if there are none. */
const MAX_SERVERS = 3;
const DEFAULT_SERVER = '127.0.0.1';

/**
 * Returns dns4tor's resolv.conf. `search .` sets no suffix. Without that line, glibc would use the domain of the
 * machine's host name, and query each name that does not exist once more with it. No `trust-ad`: the AD bit is only the
 * resolver's claim, which nothing on the way has verified.
 */
export function renderResolvConf(address: string): string {
  return `# ${MARK}\nnameserver ${address}\nsearch .\noptions edns0\n`;
}

/**
 * Returns the servers of all `nameserver` lines. libc uses the first three (resolv.conf(5)).
 *
 * @param path another file in this format; need not exist
 */
export async function readNameservers(fs: FileSystem, path: string = RESOLV_CONF): Promise<readonly string[]> {
  const target = await followLinks(fs, path);
  if (target === undefined || (await fs.inspect(target))?.kind !== 'file') return [];
  const text = Buffer.from(await fs.read(target)).toString('latin1');
  return [...text.matchAll(/^nameserver[ \t]+(\S+)/gm)].map(([, server = '']) => server);
}

/** Returns the servers that programs query: the first three of resolv.conf, or this machine if it names none. */
export async function readQueriedServers(fs: FileSystem): Promise<readonly string[]> {
  const named = (await readNameservers(fs)).slice(0, MAX_SERVERS);
  return named.length === 0 ? [DEFAULT_SERVER] : named;
}

/** Whether programs query only this machine. */
export function areLocal(nameservers: readonly string[]): boolean {
  return nameservers.length > 0 && nameservers.every(isLoopback);
}

/**
 * Checks that programs which use resolv.conf are answered by this machine.
 *
 * @throws {Dns4torError} ERR_SYSTEM_CHECK
 */
export async function checkNameservers({ fs, checks }: Pick<Machine, 'fs' | 'checks'>): Promise<void> {
  const nameservers = await readNameservers(fs);
  const [first] = nameservers;
  if (first === undefined || !areLocal(nameservers)) {
    throw new Dns4torError('ERR_SYSTEM_CHECK', `resolv.conf names ${nameservers.join(', ') || 'no server'}`);
  }
  await checks.nameserver(first);
}
