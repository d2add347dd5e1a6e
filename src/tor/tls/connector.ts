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
import type { Clock } from '../../lib/clock.ts';
import { Deadline } from '../../lib/deadline.ts';
import { Dns4torError } from '../../failures/errors.ts';
import type { TorAgent } from '../socks/agent.ts';
import { checkIdentity, type TlsIdentity, toTlsError } from './tls-identity.ts';

export interface TorConnectorOptions {
  /** Asked for each connection: one agent is one isolation identity. */
  readonly agent: () => TorAgent | Promise<TorAgent>;
  /** Absent: the stream is used as it is. */
  readonly tls?: TlsOptions;
  /** Refuses a stream with ERR_TOR_UNPROVEN unless Tor is known to carry it. @default false */
  readonly onlyThroughTor?: boolean;
  /** For the dial and the TLS handshake together. Greater than 0. */
  readonly deadlineMs: number;
  readonly clock: Clock;
  /** Abandons connections that are being made, with ERR_SHUTDOWN. */
  readonly signal?: AbortSignal;
}

export interface TlsOptions extends TlsIdentity {
  /** What is sent as SNI, unless it is an IP address (RFC 6066 §3). */
  readonly servername: string;
  /** Certificates in PEM that are trusted in addition to Node's. */
  readonly ca?: string;
  /** The oldest version to accept. @default 'TLSv1.3' */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
  /**
   * Protocols to offer by ALPN (RFC 7301), the preferred one first. Absent: no ALPN. A server without ALPN is accepted.
   */
  readonly alpn?: readonly string[];
}

/**
 * Cipher suites with TLS 1.2 allowed: Node's of TLS 1.3, and those of TLS 1.2 with forward secrecy and an AEAD. RFC
 * 9113 §9.2.2 prohibits all others for HTTP/2.
 */
const CIPHERS_WITH_TLS12 = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE+AESGCM',
  'ECDHE+CHACHA20',
].join(':');

/** What Tor is asked to connect to: the onion, which need not be the name in the certificate. */
export interface DialTarget {
  readonly host: string;
  readonly port: number;
}

/**
 * Opens a connection: a stream through Tor, then TLS to the right peer. Rejects with a Dns4torError.
 * @param deadlineMs in place of {@link TorConnectorOptions.deadlineMs}
 */
export type TorConnector = (target: DialTarget, deadlineMs?: number) => Promise<Socket>;

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
    // A query is several small writes, of which all but the first would wait for an acknowledgement (RFC 896).
    socket.setNoDelay(true);
    return upgrade === undefined ? socket : upgrade(socket, standing === 'tor', deadline);
  };
}

type TlsUpgrade = (raw: Socket, isThroughTor: boolean, deadline: Deadline) => Promise<TLSSocket>;

function createTlsUpgrade(tls: TlsOptions, clock: Clock, signal: AbortSignal | undefined): TlsUpgrade {
  // Made once, for with an extra CA each context parses Node's whole list anew, and not before it is needed: meanwhile queries are taken. No
  // session of one connection is resumed on another, which would let the server link the two, and its certificate would not be looked at again.
  let secureContext: SecureContext | undefined;
  const { minVersion = 'TLSv1.3' } = tls;
  const makeContext = (): SecureContext =>
    createSecureContext({
      minVersion,
      ...(minVersion === 'TLSv1.2' ? { ciphers: CIPHERS_WITH_TLS12 } : {}),
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
        // Explicit, because NODE_TLS_REJECT_UNAUTHORIZED decides Node's default.
        // Leak mutation: verification
        rejectUnauthorized: true,
        checkServerIdentity: (_hostname: string, certificate: PeerCertificate) =>
          checkIdentity(tls, isThroughTor, certificate),
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
      // Captured before Node's own listener verifies the chain: a socket that it rejects no longer reports the chain.
      let chain: DetailedPeerCertificate | undefined;
      socket.prependOnceListener('secure', () => (chain = socket.getPeerCertificate(true)));
      const onError = (error: Error): void => fail(toTlsError(error, chain));
      // Later ones are its user's to notice by 'close'.
      socket.on('error', ignore);
      socket.once('error', onError);
      socket.once('secureConnect', () => {
        socket.off('error', onError);
        // RFC 9113 §9.2.1. In TLS 1.2 the server could otherwise show another certificate later.
        socket.disableRenegotiation();
        settle();
        resolve(socket);
      });
    });
}

const ignore = (): void => {};
