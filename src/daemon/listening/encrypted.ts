import type { Config } from '../../config/config.ts';
import { Dns4torError } from '../../failures/errors.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import type { NetworkInterfaces } from '../../lib/network-addresses.ts';
import { DohListener } from '../../listener/doh/doh-listener.ts';
import { DotListener } from '../../listener/dot/dot-listener.ts';
import type { Listener, ListenerComponents, ListenerInit } from '../../listener/listener.ts';
import { ServerIdentity } from '../../listener/tls/server-identity.ts';
import type { Logger } from '../../log/logger.ts';
import type { CertificateValidity } from '../../model/tls/certificate-validity.ts';
import type { FileSystem } from '../../system/transaction/file-system.ts';
import { CertificateWatch } from '../certificate/certificate-watch.ts';
import type { HandedOver } from '../handed-over.ts';
import type { Reloadable } from '../reload/reloader.ts';
import { openDohPlain } from './doh-plain.ts';
import { followAddresses } from './follow-addresses.ts';
import { type Drainable, drain } from './listen.ts';

/** The listeners for DoT and DoH, and what they present. */
export interface EncryptedListening {
  /** The addresses and ports that are answered on now. */
  readonly dot: () => readonly ListenerInit[];
  readonly doh: () => readonly ListenerInit[];
  /** The same as `tls://host:port` and `https://host:port/path`, and the unix sockets for a reverse proxy. */
  readonly urls: () => readonly string[];
  /** Undefined if there is no certificate. */
  readonly identity: ServerIdentity | undefined;
  /** When clients accept the certificate. Undefined without one. */
  readonly validity: () => CertificateValidity | undefined;
  /** What a reload changes: the certificate. */
  readonly reloadable: readonly Reloadable[];
  /** Accepts no further query. Resolves once those in flight are answered, or after a time limit. */
  drain(): Promise<void>;
}

interface EncryptedOptions {
  readonly config: Pick<Config, 'encrypted'>;
  readonly handedOver: HandedOver;
  readonly logger: Logger;
  /** The system's socket tables, which name the program that holds a port. */
  readonly fs: FileSystem;
  readonly networkInterfaces: NetworkInterfaces;
}

/** What differs between DoT and DoH. */
interface Protocol {
  readonly addresses: readonly string[];
  readonly port: number;
  readonly descriptors: readonly number[];
  /** The name of the descriptors (FileDescriptorName=). */
  readonly name: string;
  readonly open: (init: ListenerInit) => Promise<AddressedListener>;
  readonly adopt: (fd: number) => Promise<AddressedListener | undefined>;
  /** The name of a listener in the log. */
  readonly toUrl: (hostPort: string) => string;
}

type AddressedListener = Listener & ListenerInit;

interface Opened extends Drainable {
  readonly addresses: readonly ListenerInit[];
}

const NOTHING: Opened = { addresses: [], drain: async () => {} };

/** Without a certificate. */
const CLOSED: EncryptedListening = {
  dot: () => [],
  doh: () => [],
  urls: () => [],
  identity: undefined,
  validity: () => undefined,
  reloadable: [],
  drain: NOTHING.drain,
};

/**
 * Opens the listeners for DoT and DoH, on the configured addresses or on the sockets passed to the process, and logs
 * where. If any sockets were passed, no others are opened: the service may not be allowed to bind any.
 *
 * @param stack owns the listeners from here on
 * @throws Dns4torError ERR_LISTEN_*
 */
export async function openEncryptedListeners(
  components: ListenerComponents,
  options: EncryptedOptions,
  stack: AsyncDisposableStack,
): Promise<EncryptedListening> {
  const withTls = await openWithTls(components, options, stack);
  const plain = await openDohPlain(components, options, stack);
  return {
    ...withTls,
    urls: () => [...withTls.urls(), ...plain.places],
    async drain() {
      await Promise.all([withTls.drain(), plain.drain()]);
    },
  };
}

async function openWithTls(
  components: ListenerComponents,
  options: EncryptedOptions,
  stack: AsyncDisposableStack,
): Promise<EncryptedListening> {
  const { encrypted } = options.config;
  const { handedOver, logger } = options;
  const { tls, dohPath: path } = encrypted;
  if (tls === undefined) {
    const [orphan] = [...handedOver.dot, ...handedOver.doh];
    if (orphan === undefined) return CLOSED;
    const remedy = 'give --tls-cert and --tls-key, or stop that .socket unit';
    throw new Dns4torError(
      'ERR_LISTEN_FD',
      `descriptor ${orphan} is for DoT or DoH, without a certificate`,
      undefined,
      remedy,
    );
  }
  const identity = new ServerIdentity(tls, components.clock);
  const openAll = async (protocol: Protocol): Promise<Opened> => {
    if (handedOver.dns.length === 0 && protocol.descriptors.length === 0) {
      return protocol.addresses.length === 0 ? NOTHING : follow(components, protocol, options, stack);
    }
    return adoptAll(components, protocol, options, stack);
  };
  const dotUrl = (hostPort: string): string => `tls://${hostPort}`;
  const dohUrl = (hostPort: string): string => `https://${hostPort}${path}`;
  const dot = await openAll({
    addresses: encrypted.dotAddresses,
    port: encrypted.dotPort,
    descriptors: handedOver.dot,
    name: 'dot',
    open: (init) => DotListener.open(components, identity, init),
    adopt: (fd) => DotListener.adopt(components, identity, fd),
    toUrl: dotUrl,
  });
  const doh = await openAll({
    addresses: encrypted.dohAddresses,
    port: encrypted.dohPort,
    descriptors: handedOver.doh,
    name: 'doh',
    open: (init) => DohListener.open(components, identity, { ...init, path }),
    adopt: (fd) => DohListener.adopt(components, identity, fd, { path }),
    toUrl: dohUrl,
  });
  const certificate = stack.use(new CertificateWatch({ clock: components.clock, logger, identity }, tls));
  return {
    dot: () => dot.addresses,
    doh: () => doh.addresses,
    urls: () => [
      ...dot.addresses.map(({ address, port }) => dotUrl(formatHostPort(address, port))),
      ...doh.addresses.map(({ address, port }) => dohUrl(formatHostPort(address, port))),
    ],
    identity,
    validity: () => certificate.validity,
    reloadable: [certificate],
    async drain() {
      await Promise.all([dot.drain(), doh.drain()]);
    },
  };
}

async function follow(
  { clock }: ListenerComponents,
  { addresses, port, open, toUrl }: Protocol,
  { logger, fs, networkInterfaces }: EncryptedOptions,
  stack: AsyncDisposableStack,
): Promise<Opened> {
  const follower = await followAddresses(
    { clock, logger, fs, networkInterfaces },
    {
      addresses,
      port,
      async open(address, wantedPort) {
        const listener = await open({ address, port: wantedPort });
        return {
          port: listener.port,
          drain: () => drain([listener], clock),
          [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose](),
        };
      },
      urlOf: (address, boundPort) => toUrl(formatHostPort(address, boundPort)),
      openedEvent: 'listening_encrypted',
    },
  );
  return stack.use(follower);
}

async function adoptAll(
  { clock }: ListenerComponents,
  protocol: Protocol,
  { logger }: EncryptedOptions,
  stack: AsyncDisposableStack,
): Promise<Opened> {
  const { descriptors, name, adopt, toUrl } = protocol;
  if (protocol.addresses.length > 0 && descriptors.length === 0) {
    const address = protocol.addresses.map((each) => toUrl(formatHostPort(each, protocol.port))).join(',');
    logger.log('warn', 'listening_absent', { address, name });
  }
  const listeners: AddressedListener[] = [];
  for (const descriptor of descriptors) {
    const listener = await adopt(descriptor);
    if (listener === undefined) {
      throw new Dns4torError('ERR_LISTEN_FD', `descriptor ${descriptor} (${name}) is not a listening TCP socket`);
    }
    listeners.push(stack.use(listener));
    logger.log('info', 'listening_encrypted', { address: toUrl(formatHostPort(listener.address, listener.port)) });
  }
  return { addresses: listeners.map(({ address, port }) => ({ address, port })), drain: () => drain(listeners, clock) };
}
