import { constants } from 'node:fs';
import { lstat, readlink, realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type Clock, delay } from '../../lib/clock.ts';
import type { TorAddress } from '../../model/tor-address.ts';
import { type Connection, SocketOwners } from './socket-owner.ts';
import { type Standing, standingOfUser } from './tor-users.ts';

/**
 * Tor's runtime directory (Filesystem Hierarchy Standard §3.15). Only root can have created it and chosen its owner.
 */
const TOR_DIRECTORY = '/run/tor';
const WRITABLE_BY_OTHERS = constants.S_IWGRP | constants.S_IWOTH;
/**
 * inode(7): in such a directory, only root and the owners of the entry and of the directory can rename or remove it.
 */
const STICKY = 0o1000;

/**
 * Poll interval until accept(2), with exponential back-off, since each poll costs milliseconds. Only a stopped Tor
 * takes long to accept.
 */
const POLL_MS = { first: 5, max: 2000 } as const;

/**
 * Creates a judge of whether Tor accepted a connection to a SOCKS address. Any user of the machine can listen on a port
 * that Tor has released, so each connection is judged by the program at its other end. The judge waits until the
 * connection is accepted or destroyed.
 */
export function createSocksPeerJudge(
  clock: Clock,
  owners: Pick<SocketOwners, 'findPeer'> = new SocketOwners(),
): (address: TorAddress, connection: Connection) => Promise<Standing> {
  return async (address, connection) => {
    if (address.kind === 'unix') return standingOfSocketFile(address.path);
    for (let pauseMs: number = POLL_MS.first; !connection.destroyed; pauseMs = Math.min(2 * pauseMs, POLL_MS.max)) {
      const uid = await owners.findPeer(connection);
      if (uid === undefined) break;
      if (uid !== 'unaccepted') return standingOfUser(uid);
      await delay(clock, pauseMs);
    }
    return 'unknown';
  };
}

/**
 * Judges a unix socket: Tor's if no other user could have replaced it. In another user's directory it is `unknown`, not
 * `foreign`: the configuration chose that user's socket on purpose.
 */
async function standingOfSocketFile(path: string): Promise<Standing> {
  try {
    const socket = await realpath(path);
    const directory = dirname(socket);
    const { mode, uid } = await stat(directory);
    const owner = await standingOfUser((await stat(socket)).uid);
    // In a world-writable directory, any user can create the name first.
    if ((mode & constants.S_IWOTH) !== 0) return owner === 'foreign' ? 'foreign' : 'unknown';
    if ((mode & WRITABLE_BY_OTHERS) !== 0 || !(await isSafeEntry(directory))) return 'unknown';
    if (!(await areLinksSafe(resolve(path)))) return 'unknown';
    if (directory === TOR_DIRECTORY) return 'tor';
    return (await standingOfUser(uid)) === 'tor' && owner === 'tor' ? 'tor' : 'unknown';
  } catch {
    return 'unknown';
  }
}

/**
 * Whether only root, Tor's user and dns4tor's user can redirect the symbolic links on the way. Another user could point
 * one at their own socket for the connection, and at Tor's for this judgement.
 */
async function areLinksSafe(path: string): Promise<boolean> {
  for (let at = path; at !== dirname(at); at = dirname(at)) {
    const entry = await lstat(at);
    if (!entry.isSymbolicLink()) continue;
    const parent = dirname(at);
    if ((await standingOfUser(entry.uid)) !== 'tor' || !(await isSafeEntry(at)) || !(await areLinksSafe(parent)))
      return false;
    return areLinksSafe(resolve(await realpath(parent), await readlink(at)) + path.slice(at.length));
  }
  return true;
}

/** Whether only root, Tor's user and dns4tor's user can redirect the path. */
async function isSafeEntry(path: string): Promise<boolean> {
  const parent = dirname(path);
  if (parent === path) return true;
  const { mode, uid } = await stat(parent);
  const isSafe = (mode & WRITABLE_BY_OTHERS) === 0 || (mode & STICKY) !== 0;
  return isSafe && (await standingOfUser(uid)) === 'tor' && isSafeEntry(parent);
}
