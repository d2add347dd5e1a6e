import type { Clock } from '../lib/clock.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Handler } from '../model/query.ts';
import type { LinuxSockets } from './udp/linux-sockets.ts';

/** Bounds of what TCP clients can take up. All at least 1. */
export interface TcpLimits {
  /** Connections at a time. */
  readonly tcpConnections: number;
  /** Maximum per client (clientGroup). The programs of this machine together may have all. */
  readonly tcpConnectionsPerClient: number;
  /** Queries of one connection in flight (RFC 7766 §6.2.1.1); beyond, its next ones wait and no more are read. */
  readonly tcpPipelined: number;
  /**
   * RFC 7766 §6.2.3: how long an idle connection is kept while there is room. Only a complete message counts as use.
   */
  readonly tcpIdleMs: number;
  /** From a message's first byte to its last, however its bytes trickle in. */
  readonly tcpMessageMs: number;
  /** Replies that a client has not taken yet; beyond, its next queries wait and no more are read. */
  readonly tcpUnsentBytes: number;
}

export interface ListenerComponents {
  readonly handler: Handler;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Whether a client at this address may ask. */
  readonly isAllowed: (client: string) => boolean;
  readonly limits: TcpLimits;
  /** The client that an address belongs to, where connections are shared out among clients. @default clientGroup */
  readonly groupOf?: (client: string) => string;
  /** With which datagrams are taken and sent many at a time; absent: each by itself. */
  readonly sockets?: LinuxSockets;
}

export interface ListenerInit {
  /** An IP address of this machine. */
  readonly address: string;
  /** 0 takes a free one. */
  readonly port: number;
}

/** A socket that takes queries and writes their answers. */
export interface Listener extends AsyncDisposable {
  readonly port: number;
  /** Takes no more queries; those in flight are still answered. Resolves when they are. */
  drain(): Promise<void>;
}
