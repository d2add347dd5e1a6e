import type { Clock } from '../../lib/clock.ts';
import type { UnixDatagramCalls } from '../../listener/udp/linux-sockets.ts';
import type { Logger } from '../../log/logger.ts';
import type { Handler } from '../../model/query.ts';
import { runCommand } from '../../system/command.ts';
import { NotifyChannel } from './notify-channel.ts';
import type { NotifyRequest } from './notify-socket.ts';
import { createSelfQuery } from './self-query.ts';
import { ServiceNotices } from './service-notices.ts';
import { ServiceWatchdog } from './service-watchdog.ts';

interface NotifyManagerComponents {
  /** Undefined if the service manager wants no messages. */
  readonly notifyRequest: NotifyRequest | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Undefined without koffi, or if it is not wanted. */
  readonly sockets: UnixDatagramCalls | undefined;
  /** The state of the service in one sentence. Never contains a queried name. */
  readonly headline: () => string;
  /** Creates a handler whose queries appear in no metric. Called only if there is a watchdog. */
  readonly createHandler: () => Handler;
}

/**
 * Tells the service manager that queries are taken and, from then on, how the service is doing.
 *
 * @param stack owns what is created
 * @returns takes notice of reloads; undefined if the manager wants no messages
 */
export function notifyManager(
  { notifyRequest, clock, logger, sockets, headline, createHandler }: NotifyManagerComponents,
  stack: AsyncDisposableStack,
): ServiceNotices | undefined {
  if (notifyRequest === undefined) return undefined;
  const { socket, watchdogMs } = notifyRequest;
  const onFailed = (reason: string): void => logger.log('warn', 'manager_not_told', { reason });
  const channel = new NotifyChannel({ sockets, run: runCommand, onFailed }, socket);
  if (watchdogMs !== undefined) {
    const ask = createSelfQuery(createHandler(), clock);
    const watchdog = new ServiceWatchdog(
      {
        clock,
        channel,
        ask,
        onFailed: ({ reason, delaySeconds: seconds }) => logger.log('warn', 'stalled', { reason, seconds }),
      },
      watchdogMs,
    );
    stack.use(watchdog);
  }
  return stack.use(new ServiceNotices({ clock, channel, headline }));
}
