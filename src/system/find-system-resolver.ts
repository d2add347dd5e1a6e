import { isIP } from 'node:net';
import { Dns4torError } from '../failures/errors.ts';
import type { SystemResolver } from '../model/system-resolver.ts';
import type { Target } from './machine.ts';
import { RESOLV_CONF, RESOLV_CONF_PORT, readNameservers, readQueriedServers } from './managers/resolv-conf.ts';
import { RESOLVED_DROP_IN, RESOLVED_SERVERS, RESOLVED_STUBS, sendsAllNames } from './managers/resolved.ts';
import type { FileSystem } from './transaction/file-system.ts';
import { JOURNAL_DIRECTORY } from './transaction/journal.ts';
import { type Notice, readNotice } from './transaction/notice.ts';

const LEADS_HERE: SystemResolver = { state: 'leads_here' };
const UNKNOWN: SystemResolver = { state: 'unknown' };

/** For a drop-in that is as `install` wrote it, so that writing it again would change nothing. */
const RESOLVED_REMEDY =
  'remove the file below resolved.conf.d that sorts after zz-dns4tor.conf and names other servers, and restart systemd-resolved';

/** The target of an installation by a version that wrote no notice, unless its command line named another. */
const USUAL_TARGET: Target = { address: '127.0.0.1', port: RESOLV_CONF_PORT };

/**
 * Finds out whether the programs of this machine still ask this dns4tor, as `dns4tor install` made them. Reads only
 * files that every user may read, and runs nothing. Never rejects.
 *
 * @param isOwn whether this dns4tor answers at an address and port
 * @returns undefined while a command changes the installation
 */
export async function findSystemResolver(
  fs: FileSystem,
  isOwn: (target: Target) => boolean,
): Promise<SystemResolver | undefined> {
  try {
    const before = await readNotice(fs);
    const found = await judge(fs, before, isOwn);
    // A command may have begun meanwhile.
    return JSON.stringify(await readNotice(fs)) === JSON.stringify(before) ? found : undefined;
  } catch {
    return UNKNOWN;
  }
}

async function judge(
  fs: FileSystem,
  notice: Notice | undefined,
  isOwn: (target: Target) => boolean,
): Promise<SystemResolver | undefined> {
  if (notice === undefined) {
    if ((await fs.inspect(JOURNAL_DIRECTORY)) === undefined) return { state: 'not_installed' };
    // Installed by an earlier version: nobody but root can tell a pause from files that were replaced.
    const usesResolved = (await fs.inspect(RESOLVED_DROP_IN)) !== undefined;
    const trouble = await findTrouble(fs, { target: USUAL_TARGET, usesResolved }, isOwn);
    return trouble === undefined && isOwn(USUAL_TARGET) ? LEADS_HERE : UNKNOWN;
  }
  switch (notice.phase) {
    case 'applying':
    case 'restoring':
    case 'pausing':
    case 'resuming':
      return undefined;
    case 'paused':
      return { state: 'paused' };
    case 'installed':
    case 'unconfirmed': {
      if (!isOwn(notice.target)) return { state: 'not_installed' };
      const trouble = await findTrouble(fs, notice, isOwn);
      return trouble === undefined ? LEADS_HERE : { state: 'elsewhere', trouble };
    }
  }
}

/** Returns where names go instead of to dns4tor. Undefined if they go to dns4tor alone. */
async function findTrouble(
  fs: FileSystem,
  { target, usesResolved }: Pick<Notice, 'target' | 'usesResolved'>,
  isOwn: (target: Target) => boolean,
): Promise<Dns4torError | undefined> {
  const servers = await readQueriedServers(fs);
  const others = servers.filter(
    (server) => !isOwn({ address: server, port: RESOLV_CONF_PORT }) && !(usesResolved && RESOLVED_STUBS.has(server)),
  );
  if (others.length > 0) return elsewhere(`${RESOLV_CONF} names ${others.map(shown).join(', ')}`);
  return usesResolved ? findResolvedTrouble(fs, target) : undefined;
}

/** The same for systemd-resolved, which some programs ask whatever resolv.conf says (nss-resolve). */
async function findResolvedTrouble(fs: FileSystem, target: Target): Promise<Dns4torError | undefined> {
  const dropIn = await fs.inspect(RESOLVED_DROP_IN);
  const text = dropIn?.kind === 'file' ? Buffer.from(await fs.read(RESOLVED_DROP_IN)).toString('latin1') : '';
  if (!sendsAllNames(text, target)) return elsewhere(`${RESOLVED_DROP_IN} was changed or removed`);
  // The list omits servers on other ports. Servers of links, which follow the global ones, are asked only for names
  // that belong to these links.
  if (target.port !== RESOLV_CONF_PORT) return undefined;
  const [first] = await readNameservers(fs, RESOLVED_SERVERS);
  return first === undefined || first === target.address
    ? undefined
    : elsewhere(`systemd-resolved asks ${shown(first)}`, RESOLVED_REMEDY);
}

function elsewhere(where: string, remedy?: string): Dns4torError {
  return new Dns4torError('ERR_SYSTEM_ELSEWHERE', where, undefined, remedy);
}

/** Other programs write these files. */
function shown(server: string): string {
  return isIP(server) === 0 ? 'no IP address' : server;
}
