import { once } from 'node:events';
import type { Socket } from 'node:net';
import './http-without-websocket.ts';
import { SocksClient } from 'socks';
import { SocksProxyAgent } from 'socks-proxy-agent';
import { Dns4torError, toDns4torError } from '../../failures/errors.ts';
import type { ErrorCode } from '../../failures/failures.ts';
import type { Clock } from '../../lib/clock.ts';
import { Deadline } from '../../lib/deadline.ts';
import { formatTorAddress, type TorAddress } from '../../model/tor-address.ts';
import { connectTo } from '../connect-to.ts';
import type { IsolationCredentials } from './isolation-credentials.ts';
import { type JudgePeer, judgeWhileOpen, type ToleratedStanding } from './socks-peer.ts';
import { SocksReplyRecord } from './socks-reply.ts';

/** The SOCKS port of an agent, its credentials, and who judges it. */
export interface TorAgentOptions {
  readonly socks: TorAddress;
  readonly credentials: IsolationCredentials;
  readonly clock: Clock;
  /** Judges each connection to the SOCKS port before any byte is sent on it. */
  readonly judgePeer: JudgePeer;
  /** Receives the outcome of each dial, from which Tor's state can be inferred. */
  readonly onDial?: (outcome: 'ok' | ErrorCode) => void;
}

/** An open stream, with whether Tor is known to carry it. */
export interface TorStream {
  readonly socket: Socket;
  readonly standing: ToleratedStanding;
}

type BaseConnect = SocksProxyAgent['connect'];

/** After this time Tor itself gives up on a stream (its SocksTimeout option). */
const DEFAULT_DIAL_TIMEOUT_MS = 120_000;
/** Margin for the timer of `socks`, which cannot be turned off. Ours must fire first, since it knows what timed out. */
const SOCKS_TIMER_MARGIN_MS = 1_000;

const ignore = (): void => {};

/** Opens streams through Tor's SOCKS port. Host names go to Tor unresolved; this machine never looks them up. */
export class TorAgent extends SocksProxyAgent {
  readonly #options: TorAgentOptions;

  constructor(options: TorAgentOptions) {
    // Only the scheme of this URL matters: with `socks5h` the proxy resolves names, with `socks5` this machine would.
    // The base class does not learn the proxy's address, so it cannot dial without our deadline and stream isolation.
    super('socks5h://localhost');
    this.#options = options;
  }

  /** Connects for `node:http`, which calls this on its agent. Plain HTTP only: TLS belongs to the connector. */
  override async connect(_request: Parameters<BaseConnect>[0], options: Parameters<BaseConnect>[1]): Promise<Socket> {
    const { host, port, secureEndpoint } = options;
    if (secureEndpoint || typeof host !== 'string') {
      throw new Dns4torError('ERR_INTERNAL', 'the SOCKS agent does not speak TLS');
    }
    return (await this.dial(host, port, Deadline.after(this.#options.clock, DEFAULT_DIAL_TIMEOUT_MS))).socket;
  }

  /**
   * Opens a stream to `host` on a circuit for these SOCKS credentials. The caller owns the socket and must start
   * reading synchronously: `socks` resumes it in the next turn of the event loop.
   *
   * @param host a name of at most 255 bytes, or an IP literal without brackets
   * @param signal aborts the dial, with ERR_SHUTDOWN
   * @throws Dns4torError one of ERR_TOR_*, by the deadline at the latest; the socket is closed then
   */
  async dial(host: string, port: number, deadline: Deadline, signal?: AbortSignal): Promise<TorStream> {
    const { onDial } = this.#options;
    try {
      const stream = await this.#dial(host, port, deadline, signal);
      onDial?.('ok');
      return stream;
    } catch (thrown) {
      const error = toDns4torError(thrown);
      onDial?.(error.code);
      throw error;
    }
  }

  async #dial(host: string, port: number, deadline: Deadline, signal?: AbortSignal): Promise<TorStream> {
    const { socks, credentials, clock, judgePeer } = this.#options;
    const route = `${host}:${port} through ${formatTorAddress(socks)}`;
    if (signal?.aborted) throw new Dns4torError('ERR_SHUTDOWN', route, signal.reason);

    // Leak mutation: connect
    const socket = connectTo(socks);
    let abandoned: Dns4torError | undefined;
    const abandon = (error: Dns4torError): void => {
      abandoned ??= error;
      socket.destroy(error);
    };
    const timer = clock.schedule(deadline.remainingMs, () => abandon(new Dns4torError('ERR_TOR_TIMEOUT', route)));
    const onAbort = (): void => abandon(new Dns4torError('ERR_SHUTDOWN', route, signal?.reason));
    signal?.addEventListener('abort', onAbort);

    const reply = new SocksReplyRecord();
    const onData = (chunk: Buffer): void => reply.record(chunk);
    // Errors also reject the promises below. This listener handles late ones, after `socks` has removed its own.
    socket.on('error', ignore);
    try {
      await once(socket, 'connect').catch((error: NodeJS.ErrnoException) => {
        // Leak mutation: unreachable
        throw new Dns4torError('ERR_TOR_UNREACHABLE', `${formatTorAddress(socks)} (${error.code})`, error);
      });
      // Before the handshake: another user's program must not learn the destination, nor connect to it without Tor.
      const standing = await judgeWhileOpen(judgePeer, socks, socket);
      socket.on('data', onData);
      await SocksClient.createConnection({
        proxy: { ...this.proxy, userId: credentials.username, password: credentials.password },
        // Leak mutation: destination
        destination: { host, port },
        command: 'connect',
        existing_socket: socket,
        timeout: deadline.remainingMs + SOCKS_TIMER_MARGIN_MS,
      });
      // `socks` also offers "no authentication". Tor never selects it; a proxy that does would not isolate streams.
      if (!reply.authenticated) {
        throw new Dns4torError('ERR_TOR_NOT_SOCKS', `${formatTorAddress(socks)} does not take SOCKS credentials`);
      }
      if (!reply.hasAddress)
        throw new Dns4torError('ERR_TOR_NOT_SOCKS', `${formatTorAddress(socks)} sent no bound address`);
      // Idle connections may stay open, and only the injected clock decides time-outs.
      socket.setTimeout(0).removeAllListeners('timeout');
      socket.off('error', ignore);
      return { socket, standing };
    } catch (error) {
      socket.destroy();
      if (abandoned !== undefined) throw abandoned;
      if (error instanceof Dns4torError) throw error;
      const { failure } = reply;
      // Closed without a reply: Tor is shutting down, or its SocksPolicy rejects this client.
      if (failure === undefined) throw new Dns4torError('ERR_TOR_UNREACHABLE', `${route}: connection closed`, error);
      throw new Dns4torError(failure.code, `${route} (${failure.detail})`, error);
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
      socket.off('data', onData);
    }
  }
}
