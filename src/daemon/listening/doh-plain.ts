import type { Config } from '../../config/config.ts';
import { Dns4torError } from '../../failures/errors.ts';
import { listenOnSocketPath, OWNER_AND_GROUP_UMASK } from '../../http/socket-path.ts';
import { createPausingServer } from '../../listener/connection-listener.ts';
import { DohPlainListener } from '../../listener/doh/doh-plain-listener.ts';
import type { ListenerComponents } from '../../listener/listener.ts';
import type { Logger } from '../../log/logger.ts';
import type { HandedOver } from '../handed-over.ts';
import { type Drainable, drain } from './listen.ts';

interface PlainOptions {
  readonly config: Pick<Config, 'encrypted'>;
  readonly handedOver: HandedOver;
  readonly logger: Logger;
}

/** The listener for a reverse proxy. */
interface DohPlainListening extends Drainable {
  /** Where it answers, as in the log. Empty if it does not. */
  readonly places: readonly string[];
}

/** Name of the descriptors (FileDescriptorName=). */
const NAME = 'doh-plain';

/**
 * Opens the listener for a reverse proxy, at the configured path or on the unix sockets passed to the process, and logs
 * where. If any sockets were passed, no others are opened.
 *
 * @param stack owns the listeners from here on
 * @throws Dns4torError ERR_LISTEN_DOH_PLAIN, ERR_LISTEN_FD
 */
export async function openDohPlain(
  components: ListenerComponents,
  { config, handedOver, logger }: PlainOptions,
  stack: AsyncDisposableStack,
): Promise<DohPlainListening> {
  const { dohPlain, dohPath: path } = config.encrypted;
  const { dns, dohPlain: descriptors } = handedOver;
  const listeners: DohPlainListener[] = [];
  const places: string[] = [];
  const add = (listener: DohPlainListener, address: string): void => {
    listeners.push(stack.use(listener));
    places.push(address);
    logger.log('info', 'listening_encrypted', { address });
  };
  for (const descriptor of descriptors) {
    const listener = await DohPlainListener.adopt(components, descriptor, { path });
    if (listener === undefined) {
      throw new Dns4torError('ERR_LISTEN_FD', `descriptor ${descriptor} (${NAME}) is not a listening unix socket`);
    }
    // Node does not know the path of a unix socket that it did not create.
    add(listener, `unix:fd=${descriptor}`);
  }
  if (dohPlain !== undefined && descriptors.length === 0) {
    const address = `unix:${dohPlain.path}`;
    if (dns.length > 0) logger.log('warn', 'listening_absent', { address, name: NAME });
    else {
      const server = createPausingServer();
      const place = { path: dohPlain.path, umask: OWNER_AND_GROUP_UMASK, code: 'ERR_LISTEN_DOH_PLAIN' } as const;
      await listenOnSocketPath(server, place);
      add(new DohPlainListener(components, { path }, server), address);
    }
  }
  return { places, drain: () => drain(listeners, components.clock) };
}
