import { constants } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Clock, delay } from '../lib/clock.ts';
import { type Connection, SocketOwners } from './socket-owner.ts';
import { type Standing, standingOfUser } from './tor-users.ts';

/** Where a Tor takes SOCKS. */
export type SocksAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** Tor's own by the Filesystem Hierarchy Standard (§3.15): only root can have made it, and given it to whom it belongs. */
const TOR_DIRECTORY = '/run/tor';
const WRITABLE_BY_OTHERS = constants.S_IWGRP | constants.S_IWOTH;
/** inode(7): of such a directory only an entry's owner can rename or remove it. */
const STICKY = 0o1000;

/** Tor accepts a connection at once. One that is stopped is waited for, looking ever more seldom, since each look costs some milliseconds. */
const LOOK_MS = { first: 5, most: 2000 } as const;

/**
 * Says of a connection to a SOCKS address how far what accepted it is known to be Tor. Any user of the machine can listen on a port that Tor
 * has left, so the program at the other end is looked at, not the port; and anew for each connection. Waits until it is accepted or destroyed.
 */
export function createSocksPeerJudge(
  clock: Clock,
  owners: Pick<SocketOwners, 'findPeer'> = new SocketOwners(),
): (address: SocksAddress, connection: Connection) => Promise<Standing> {
  return async (address, connection) => {
    if (address.kind === 'unix') return standingOfSocketFile(address.path);
    for (let pauseMs: number = LOOK_MS.first; !connection.destroyed; pauseMs = Math.min(2 * pauseMs, LOOK_MS.most)) {
      const uid = await owners.findPeer(connection);
      if (uid === undefined) break;
      if (uid !== 'not accepted yet') return standingOfUser(uid);
      await delay(clock, pauseMs);
    }
    return 'unknown';
  };
}

/** A unix socket is Tor's where nobody else could have put another in its place. Whoever names one in a user's own directory means that user. */
async function standingOfSocketFile(path: string): Promise<Standing> {
  try {
    const socket = await realpath(path);
    const directory = dirname(socket);
    const { mode, uid } = await stat(directory);
    const owner = await standingOfUser((await stat(socket)).uid);
    // Whoever comes first has the name there.
    if ((mode & constants.S_IWOTH) !== 0) return owner === 'foreign' ? 'foreign' : 'unknown';
    if ((mode & WRITABLE_BY_OTHERS) !== 0 || !(await isSafeEntry(directory))) return 'unknown';
    if (directory === TOR_DIRECTORY) return 'tor';
    return (await standingOfUser(uid)) === 'tor' && owner === 'tor' ? 'tor' : 'unknown';
  } catch {
    return 'unknown';
  }
}

/** Whether only root, Tor's user and ours can have the path lead elsewhere. */
async function isSafeEntry(path: string): Promise<boolean> {
  const parent = dirname(path);
  if (parent === path) return true;
  const { mode, uid } = await stat(parent);
  const isSafe = (mode & WRITABLE_BY_OTHERS) === 0 || (mode & STICKY) !== 0;
  return isSafe && (await standingOfUser(uid)) === 'tor' && isSafeEntry(parent);
}
