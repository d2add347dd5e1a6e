import type { Clock } from '../lib/clock.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Handler } from '../model/query.ts';
import type { LinuxSockets } from './udp/linux-sockets.ts';

/** Time limit for a client to read its last replies before its connection is destroyed. */
export const LINGER_MS = 5000;

/** Limits for connections over TCP, with or without TLS. All are at least 1. */
export interface TcpLimits {
  /** Maximum connections. */
  readonly tcpConnections: number;
  /** Maximum connections per client (clientGroup). The programs of this machine together may use all. */
  readonly tcpConnectionsPerClient: number;
  /** Maximum queries in flight per connection (RFC 7766 §6.2.1.1). At the limit, reading pauses. */
  readonly tcpPipelined: number;
  /** Idle time after which a connection is closed (RFC 7766 §6.2.3). Only a complete message counts as use. */
  readonly tcpIdleMs: number;
  /** Time limit from the first byte of a message to its last. */
  readonly tcpMessageMs: number;
  /** Maximum unsent octets of replies per connection. Above it, reading pauses. */
  readonly tcpUnsentBytes: number;
}

/** What a listener needs. */
export interface ListenerComponents {
  readonly handler: Handler;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Whether the client at this address may send queries. */
  readonly isAllowed: (client: string) => boolean;
  readonly limits: TcpLimits;
  /** The client that an address belongs to, for the limits per client. @default clientGroup */
  readonly groupOf?: (client: string) => string;
  /** Batched UDP I/O (recvmmsg/sendmmsg). Without it, one system call per datagram. */
  readonly sockets?: LinuxSockets;
}

/** Where to listen. */
export interface ListenerInit {
  /** An IP address of this machine. */
  readonly address: string;
  /** 0 picks a free port. */
  readonly port: number;
}

/** A listening socket that answers queries. */
export interface Listener extends AsyncDisposable {
  readonly port: number;
  /** Stops accepting queries. Resolves once those in flight are answered. */
  drain(): Promise<void>;
}
