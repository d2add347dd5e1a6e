import { once } from 'node:events';
import { lstat, realpath, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import process from 'node:process';
import { Dns4torError } from '../lib/errors.ts';
import { findUntrusted } from '../lib/path-trust.ts';

/**
 * Makes sure that a unix socket can be made at `path` and stays ours: removes what a process of this user that is gone has left there.
 * @throws Dns4torError ERR_LISTEN_PATH somebody listens there, something else is there, or others could put a socket of theirs in its place
 */
export async function claimSocketPath(path: string): Promise<void> {
  try {
    const folder = await realpath(dirname(path));
    const untrusted = findUntrusted(folder);
    if (untrusted !== undefined) throw refusal(path, `others may replace it, for ${untrusted}`);
    const found = await lstat(path).catch(undefinedIfAbsent);
    if (found === undefined) return;
    if (!found.isSocket()) throw refusal(path, 'what is there is no socket');
    if (found.uid !== process.geteuid?.()) throw refusal(path, 'what is there is the socket of another user');
    if (await isAlive(path)) throw refusal(path, 'a program listens there already');
    await unlink(path);
  } catch (error) {
    throw error instanceof Dns4torError ? error : refusal(path, 'its folder cannot be used', error);
  }
}

function refusal(path: string, problem: string, cause?: unknown): Dns4torError {
  return new Dns4torError('ERR_LISTEN_PATH', `unix:${path}: ${problem}`, cause);
}

function undefinedIfAbsent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}

/** Only a refusal says that nobody has it open any more: a full backlog, for one, is another error. */
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
