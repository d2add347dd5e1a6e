import { once } from 'node:events';
import { lstat, realpath, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import process from 'node:process';
import { Dns4torError } from '../failures/errors.ts';
import { findUntrusted } from '../lib/path-trust.ts';

/**
 * Prepares `path` for a unix socket: checks that no other user can replace it, and removes a stale socket of this user.
 * @throws Dns4torError ERR_LISTEN_PATH if a program listens there, another kind of file exists, or other users could
 * replace the socket
 */
export async function claimSocketPath(path: string): Promise<void> {
  try {
    const folder = await realpath(dirname(path));
    const untrusted = findUntrusted(folder);
    if (untrusted !== undefined) throw refusal(path, `other users could replace it: ${untrusted}`);
    const found = await lstat(path).catch(undefinedIfAbsent);
    if (found === undefined) return;
    if (!found.isSocket()) throw refusal(path, 'a file exists there that is not a socket');
    if (found.uid !== process.geteuid?.()) throw refusal(path, 'a socket of another user exists there');
    if (await isAlive(path)) throw refusal(path, 'another program is listening there');
    await unlink(path);
  } catch (error) {
    throw error instanceof Dns4torError ? error : refusal(path, 'its directory is unusable', error);
  }
}

function refusal(path: string, problem: string, cause?: unknown): Dns4torError {
  return new Dns4torError('ERR_LISTEN_PATH', `unix:${path}: ${problem}`, cause);
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
