import { once } from 'node:events';
import { lstat, realpath, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import process from 'node:process';
import { Dns4torError } from '../failures/errors.ts';
import type { ErrorCode } from '../failures/failures.ts';
import { findUntrusted } from '../lib/path-trust.ts';

/**
 * Length of the accept queue. When it is full, Linux drops the SYN of a new connection, and the client resends it only
 * after a second. A longer queue would not help: behind a flood, a client would wait as long for its turn.
 */
export const BACKLOG = 1024;

/** Mode 0660: only the user and the group of the process can connect, which requires write permission. */
export const OWNER_AND_GROUP_UMASK = 0o117;

/** A unix socket that a server listens on. */
interface SocketPlace {
  /** Absolute. The directory must exist. */
  readonly path: string;
  /** Umask while the socket is created; connecting takes write permission. */
  readonly umask: number;
  /** Code of the error if that fails. */
  readonly code: ErrorCode;
}

/**
 * Listens on a unix socket, which is removed when the server closes. Checks first that no other user can replace it,
 * and removes a stale socket of this user.
 * @throws Dns4torError of `code` if a program listens there, another kind of file exists, or other users could replace
 * the socket
 */
export async function listenOnSocketPath(server: Server, { path, umask, code }: SocketPlace): Promise<void> {
  try {
    await claimSocketPath(path);
    const listening = once(server, 'listening');
    // Node binds the socket within this call, so it never exists with wider permissions.
    const umaskBefore = process.umask(umask);
    try {
      server.listen({ path, backlog: BACKLOG });
    } finally {
      process.umask(umaskBefore);
    }
    await listening;
  } catch (error) {
    if (error instanceof UnusablePath) throw new Dns4torError(code, `unix:${path}: ${error.message}`);
    throw new Dns4torError(code, `unix:${path}`, error);
  }
}

/** The message is a clause about the path. */
class UnusablePath extends Error {}

async function claimSocketPath(path: string): Promise<void> {
  const folder = await realpath(dirname(path)).catch(() => {
    throw new UnusablePath('its directory is unusable');
  });
  const untrusted = findUntrusted(folder);
  if (untrusted !== undefined) throw new UnusablePath(`other users could replace it: ${untrusted}`);
  const found = await lstat(path).catch(undefinedIfAbsent);
  if (found === undefined) return;
  if (!found.isSocket()) throw new UnusablePath('a file exists there that is not a socket');
  if (found.uid !== process.geteuid?.()) throw new UnusablePath('a socket of another user exists there');
  if (await isAlive(path)) throw new UnusablePath('another program is listening there');
  await unlink(path);
}

function undefinedIfAbsent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}

/**
 * Whether a program has the socket open. Only ECONNREFUSED proves that none has: a full backlog, for example, fails
 * differently.
 */
async function isAlive(path: string): Promise<boolean> {
  const socket = connect({ path });
  try {
    await once(socket, 'connect');
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED');
  } finally {
    socket.destroy();
  }
}
