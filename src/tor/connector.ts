import type { Socket } from 'node:net';
import { createSecureContext, getCACertificates, type PeerCertificate, TLSSocket } from 'node:tls';
import { buildConnector } from 'undici';
import type { Clock } from '../lib/clock.ts';
import { Deadline } from '../lib/deadline.ts';
import { Dns4torError, toDns4torError } from '../lib/errors.ts';
import type { TorAgent } from './agent.ts';
import { checkIdentity, type TlsIdentity, toTlsError } from './tls-identity.ts';

export interface TorConnectorOptions {
  /** Asked for each connection: one agent is one isolation identity. */
  readonly agent: () => TorAgent | Promise<TorAgent>;
  /** What Tor is asked to connect to: the onion, which need not be the name in the certificate. */
  readonly dial: { readonly host: string; readonly port: number };
  readonly tls: TlsIdentity & {
    /** What is sent as SNI. */
    readonly servername: string;
    /** Certificates in PEM that are trusted in addition to Node's. */
    readonly ca?: string;
  };
  /** For the dial and the TLS handshake together. Greater than 0. */
  readonly deadlineMs: number;
  readonly clock: Clock;
  /** Abandons connections that are being made, with ERR_SHUTDOWN. */
  readonly signal?: AbortSignal;
}

/** What undici calls for a connection: Tor, then TLS to the right peer, then HTTP/2. Fails with a Dns4torError. */
export function createTorConnector(options: TorConnectorOptions): buildConnector.connector {
  const upgrade = createTlsUpgrade(options);
  const open = async (target: buildConnector.Options): Promise<TLSSocket> => {
    const { dial, deadlineMs, clock, signal } = options;
    const agent = await options.agent();
    const deadline = Deadline.after(clock, deadlineMs);
    return upgrade(await agent.dial(dial.host, dial.port, deadline, signal), target, deadline);
  };
  const connect = async (target: buildConnector.Options, callback: buildConnector.Callback): Promise<void> => {
    let socket: TLSSocket;
    try {
      socket = await open(target);
    } catch (error) {
      return callback(toDns4torError(error), null);
    }
    callback(null, socket);
  };
  return (target, callback) => void connect(target, callback);
}

type TlsUpgrade = (raw: Socket, target: buildConnector.Options, deadline: Deadline) => Promise<TLSSocket>;

function createTlsUpgrade({ tls, clock, signal }: TorConnectorOptions): TlsUpgrade {
  const connectTls = buildConnector({
    // Made once: with an extra CA each context parses Node's whole list anew.
    secureContext: createSecureContext({
      minVersion: 'TLSv1.3',
      ...(tls.ca === undefined ? {} : { ca: [...getCACertificates(), tls.ca] }),
    }),
    checkServerIdentity: (_hostname: string, certificate: PeerCertificate) => checkIdentity(tls, certificate),
    allowH2: true,
    preferH2: true,
    // A resumed session lets the server link two connections, and its certificate is not looked at again.
    maxCachedSessions: 0,
    // The deadline is the clock's.
    timeout: 0,
    // The socket's other end is tor on this machine, which no probe needs to find.
    keepAlive: false,
  });

  return (raw, target, deadline) =>
    new Promise((resolve, reject) => {
      const abandon = (error: Dns4torError): void => {
        raw.destroy();
        settle();
        reject(error);
      };
      const timer = clock.schedule(deadline.remainingMs, () =>
        abandon(new Dns4torError('ERR_TOR_TIMEOUT', 'TLS handshake')),
      );
      const onAbort = (): void => abandon(new Dns4torError('ERR_SHUTDOWN', undefined, signal?.reason));
      signal?.addEventListener('abort', onAbort);
      const settle = (): void => {
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
      };

      connectTls({ ...target, servername: tls.servername, httpSocket: raw }, (error, socket) => {
        settle();
        if (error !== null) {
          raw.destroy();
          return reject(toTlsError(error));
        }
        // RFC 8484 §5.2 asks for HTTP/2 at least, and only its streams carry many queries at once.
        if (!(socket instanceof TLSSocket) || socket.alpnProtocol !== 'h2') {
          raw.destroy();
          return reject(new Dns4torError('ERR_DOH_HTTP2', 'ALPN did not end as h2'));
        }
        resolve(socket);
      });
    });
}
