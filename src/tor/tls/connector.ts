import { isIP, type Socket } from 'node:net';
import {
  connect,
  createSecureContext,
  type DetailedPeerCertificate,
  getCACertificates,
  type PeerCertificate,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import { Dns4torError } from '../../failures/errors.ts';
import type { Clock } from '../../lib/clock.ts';
import { Deadline } from '../../lib/deadline.ts';
import { FORWARD_SECRET_CIPHERS } from '../../model/tls/cipher-suites.ts';
import type { TorAgent } from '../socks/agent.ts';
import { checkIdentity, type TlsIdentity, toTlsError } from './tls-identity.ts';

/** How a {@link TorConnector} reaches one resolver. */
export interface TorConnectorOptions {
  /** Returns the agent for the next connection. Each agent has its own isolation credentials. */
  readonly agent: () => TorAgent | Promise<TorAgent>;
  /** Absent: no TLS on the stream. */
  readonly tls?: TlsOptions;
  /** Rejects a stream with ERR_TOR_UNPROVEN unless Tor is known to carry it. @default false */
  readonly onlyThroughTor?: boolean;
  /** Deadline for the dial and the TLS handshake together. Greater than 0. */
  readonly deadlineMs: number;
  readonly clock: Clock;
  /** Aborts pending connections, with ERR_SHUTDOWN. */
  readonly signal?: AbortSignal;
}

/** How the TLS connection to a resolver is made and verified. */
export interface TlsOptions extends TlsIdentity {
  /** Server name for SNI. Not sent if it is an IP address (RFC 6066 §3). */
  readonly servername: string;
  /** CA certificates in PEM, trusted in addition to Node's. */
  readonly ca?: string;
  /** Lowest accepted TLS version. @default 'TLSv1.3' */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
  /**
   * Protocols to offer by ALPN (RFC 7301), the preferred one first. A server without ALPN is accepted.
   * @default none
   */
  readonly alpn?: readonly string[];
}

/** Host and port that Tor connects to. The host may be an onion address that the certificate does not name. */
export interface DialTarget {
  readonly host: string;
  readonly port: number;
}

/**
 * Opens a connection: a stream through Tor, then TLS with a verified peer.
 *
 * @param deadlineMs replaces {@link TorConnectorOptions.deadlineMs}
 * @throws Dns4torError one of ERR_TOR_*, ERR_TLS* or ERR_DOH_HTTP_VERSION; ERR_SHUTDOWN
 */
export type TorConnector = (target: DialTarget, deadlineMs?: number) => Promise<Socket>;

/** Creates the function that opens connections to one upstream. */
export function createTorConnector(options: TorConnectorOptions): TorConnector {
  const { tls, clock, signal, onlyThroughTor = false } = options;
  const upgrade = tls === undefined ? undefined : createTlsUpgrade(tls, clock, signal);
  return async ({ host, port }, deadlineMs = options.deadlineMs) => {
    const agent = await options.agent();
    const deadline = Deadline.after(clock, deadlineMs);
    const { socket, standing } = await agent.dial(host, port, deadline, signal);
    if (onlyThroughTor && standing !== 'tor') {
      socket.destroy();
      throw new Dns4torError('ERR_TOR_UNPROVEN', `${host}:${port}`);
    }
    // A query is several small writes. Nagle's algorithm (RFC 896) would hold all but the first back.
    socket.setNoDelay(true);
    return upgrade === undefined ? socket : upgrade(socket, standing === 'tor', deadline);
  };
}

type TlsUpgrade = (raw: Socket, isThroughTor: boolean, deadline: Deadline) => Promise<TLSSocket>;

function createTlsUpgrade(tls: TlsOptions, clock: Clock, signal: AbortSignal | undefined): TlsUpgrade {
  // Created once, because with an extra CA each context parses Node's whole list again; and lazily, so that the daemon
  // takes queries meanwhile. Sessions are never resumed: that would let the server link two connections, and skip the
  // check of its certificate.
  let secureContext: SecureContext | undefined;
  const { minVersion = 'TLSv1.3' } = tls;
  const makeContext = (): SecureContext =>
    createSecureContext({
      minVersion,
      ...(minVersion === 'TLSv1.2' ? { ciphers: FORWARD_SECRET_CIPHERS } : {}),
      ...(tls.ca === undefined ? {} : { ca: [...getCACertificates(), tls.ca] }),
    });
  const options = {
    ...(tls.alpn === undefined ? {} : { ALPNProtocols: [...tls.alpn] }),
    ...(isIP(tls.servername) === 0 ? { servername: tls.servername } : {}),
  };

  return (raw, isThroughTor, deadline) =>
    new Promise((resolve, reject) => {
      const socket = connect({
        ...options,
        // Explicit, because the environment variable NODE_TLS_REJECT_UNAUTHORIZED sets Node's default.
        // Leak mutation: verification
        rejectUnauthorized: true,
        // Node passes the certificate with its issuers, although its type does not say so.
        checkServerIdentity: (_hostname: string, certificate: PeerCertificate) =>
          checkIdentity(tls, isThroughTor, certificate as DetailedPeerCertificate),
        secureContext: (secureContext ??= makeContext()),
        socket: raw,
      });
      // Leak mutation: session
      const settle = (): void => {
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
      };
      const fail = (error: Dns4torError): void => {
        settle();
        socket.destroy();
        raw.destroy();
        reject(error);
      };
      const timer = clock.schedule(deadline.remainingMs, () =>
        fail(new Dns4torError('ERR_TOR_TIMEOUT', 'TLS handshake')),
      );
      const onAbort = (): void => fail(new Dns4torError('ERR_SHUTDOWN', undefined, signal?.reason));
      signal?.addEventListener('abort', onAbort);
      // Captured before Node's own listener verifies the chain: a rejected socket no longer reports its chain.
      let chain: DetailedPeerCertificate | undefined;
      socket.prependOnceListener('secure', () => (chain = socket.getPeerCertificate(true)));
      const onError = (error: Error): void => fail(toTlsError(error, chain));
      // Errors after the handshake reach the socket's user as 'close'.
      socket.on('error', ignore);
      socket.once('error', onError);
      socket.once('secureConnect', () => {
        socket.off('error', onError);
        // RFC 9113 §9.2.1. With TLS 1.2, a server could otherwise present another certificate later.
        socket.disableRenegotiation();
        settle();
        resolve(socket);
      });
    });
}

const ignore = (): void => {};
