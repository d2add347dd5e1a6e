import type { Cache } from '../../cache/cache.ts';
import type { Config } from '../../config/config.ts';
import { toDns4torError } from '../../failures/errors.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../log/logger.ts';
import { concernsName } from '../../message/answer/concerns-name.ts';
import { controlPath } from './control-path.ts';
import { ControlServer } from './control-server.ts';

interface CommandComponents {
  readonly config: Pick<Config, 'controlSocket'>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly cache: Pick<Cache, 'purge'>;
}

/**
 * Takes commands on the control socket. Unless the socket was named by `--control-socket`, queries are answered even if
 * it cannot be opened, as beside another dns4tor of the same user.
 *
 * @param stack owns the socket from here on
 * @throws Dns4torError ERR_CONTROL_SOCKET
 */
export async function takeCommands(
  { config, env, clock, logger, cache }: CommandComponents,
  stack: AsyncDisposableStack,
): Promise<void> {
  try {
    const path = controlPath(config.controlSocket, env);
    if (path === undefined) return;
    stack.use(await ControlServer.open({ clock, flush }, path));
    logger.log('info', 'control_listening', { address: `unix:${path}` });
  } catch (error) {
    const { code, message: reason } = toDns4torError(error);
    if (config.controlSocket.kind !== 'auto' || code === 'ERR_INTERNAL') throw error;
    logger.log('info', 'control_absent', { reason, code });
  }

  async function flush(name: Uint8Array | undefined): Promise<number> {
    const removed = await cache.purge((answer) => name !== undefined && !concernsName(answer, name));
    logger.log('info', 'cache_flushed', { removed });
    return removed;
  }
}
