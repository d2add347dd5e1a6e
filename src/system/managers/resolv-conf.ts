import { isLoopback } from '../../lib/loopback.ts';
import type { FileSystem } from '../transaction/file-system.ts';
import { followLinks } from '../transaction/follow-links.ts';
import { MARK } from '../transaction/mark.ts';

export const RESOLV_CONF = '/etc/resolv.conf';

/** resolv.conf(5) has no place for a port. */
export const RESOLV_CONF_PORT = 53;

/**
 * The content of resolv.conf. `search .` and no suffix: without the line glibc takes the domain of the machine's own name, and with the
 * network's suffix each name that does not exist would be asked for once more with where the machine is. No `trust-ad`: the AD bit is the
 * resolver's word, which nobody checked on the way.
 */
export function renderResolvConf(address: string): string {
  return `# ${MARK}\nnameserver ${address}\nsearch .\noptions edns0\n`;
}

/**
 * The servers that programs are sent to: `nameserver` lines, of which libc takes the first three (resolv.conf(5)).
 *
 * @param path another file of that form, which need not exist
 */
export async function readNameservers(fs: FileSystem, path: string = RESOLV_CONF): Promise<readonly string[]> {
  const target = await followLinks(fs, path);
  if (target === undefined || (await fs.inspect(target))?.kind !== 'file') return [];
  const text = Buffer.from(await fs.read(target)).toString('latin1');
  return [...text.matchAll(/^nameserver[ \t]+(\S+)/gm)].map(([, server = '']) => server);
}

/** Whether programs ask this machine and nobody else. */
export function areLocal(nameservers: readonly string[]): boolean {
  return nameservers.length > 0 && nameservers.every(isLoopback);
}
