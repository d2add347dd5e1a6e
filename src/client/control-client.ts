import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Dns4torError } from '../failures/errors.ts';
import type { Clock } from '../lib/clock.ts';
import { CONTROL_VERSION, type ControlRequest, MAX_CONTROL_BYTES } from '../model/control/control-protocol.ts';

/** Time limit for the reply. A full cache takes about 15 ms per MiB to search, and may have 4 GiB. */
const REPLY_MS = 120_000;

/** Codes of connect(2) that say that no daemon is there. */
const ABSENT: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ECONNREFUSED']);
/** The socket is there, but for others. */
const DENIED: ReadonlySet<string> = new Set(['EACCES', 'EPERM']);

/**
 * Removes answers from the cache of a running dns4tor.
 *
 * @param paths control sockets, of which the first with a daemon is used
 * @param name in presentation form; undefined for all answers
 * @returns the number of removed answers
 * @throws Dns4torError ERR_CONTROL_UNANSWERED or ERR_CONTROL_DENIED
 */
export async function flushCache(paths: readonly string[], name: string | undefined, clock: Clock): Promise<number> {
  const request: ControlRequest = {
    version: CONTROL_VERSION,
    command: 'flush',
    ...(name === undefined ? {} : { name }),
  };
  const { socket, path } = await openFirst(paths);
  const timer = clock.schedule(REPLY_MS, () => socket.destroy(new Error('no reply in time')));
  try {
    socket.write(`${JSON.stringify(request)}\n`);
    let reply = '';
    for await (const chunk of socket) {
      reply += String(chunk);
      if (reply.length > MAX_CONTROL_BYTES) throw new Error('reply too long');
    }
    return removedOf(reply);
  } catch (error) {
    throw new Dns4torError('ERR_CONTROL_UNANSWERED', `unix:${path}`, error);
  } finally {
    timer.cancel();
    socket.destroy();
  }
}

async function openFirst(paths: readonly string[]): Promise<{ readonly socket: Socket; readonly path: string }> {
  let denied: string | undefined;
  for (const path of paths) {
    const socket = connect({ path });
    try {
      // oxlint-disable-next-line no-await-in-loop -- the later ones are tried only if this one fails
      await once(socket, 'connect');
      return { socket, path };
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      if (DENIED.has(code)) denied ??= path;
      else if (!ABSENT.has(code)) throw new Dns4torError('ERR_CONTROL_UNANSWERED', `unix:${path}`, error);
    }
  }
  if (denied !== undefined) throw new Dns4torError('ERR_CONTROL_DENIED', `unix:${denied}`);
  throw new Dns4torError('ERR_CONTROL_UNANSWERED', paths.map((path) => `unix:${path}`).join(', '));
}

function removedOf(json: string): number {
  const reply: unknown = JSON.parse(json);
  const isReply = typeof reply === 'object' && reply !== null && 'version' in reply && 'removed' in reply;
  if (isReply && reply.version === CONTROL_VERSION && typeof reply.removed === 'number') return reply.removed;
  throw new Error('refused');
}
