import { once } from 'node:events';
import type { Socket } from 'node:net';
import './http-without-websocket.ts';
import { SocksClient } from 'socks';
import { SocksProxyAgent } from 'socks-proxy-agent';
import type { Clock } from '../../lib/clock.ts';
import { Deadline } from '../../lib/deadline.ts';
import { Dns4torError, toDns4torError } from '../../failures/errors.ts';
import type { ErrorCode } from '../../failures/failures.ts';
import type { IsolationCredentials } from './isolation-credentials.ts';
import { type JudgePeer, judgeOpen, type ToleratedStanding } from './socks-peer.ts';
import { SocksReplyRecord } from './socks-reply.ts';
import { connectTo, formatTorAddress, type TorAddress } from '../tor-address.ts';

export interface TorAgentOptions {
  readonly socks: TorAddress;
  readonly credentials: IsolationCredentials;
  readonly clock: Clock;
  /** Called on each connection before any byte is sent on it. */
  readonly judgePeer: JudgePeer;
  /** Is told how each dial ended, for what watches Tor from outside. */
  readonly onDial?: (outcome: 'ok' | ErrorCode) => void;
}

/** An open stream, and whether Tor is known to carry it. */
export interface TorStream {
  readonly socket: Socket;
  readonly standing: ToleratedStanding;
}

type BaseConnect = SocksProxyAgent['connect'];

// Tor gives up a stream by itself after this long (its option SocksTimeout).
const DEFAULT_DIAL_TIMEOUT_MS = 120_000;
// `socks` has a timer of its own that cannot be turned off. Ours is to be first, since it knows what ran out.
const SOCKS_TIMER_MARGIN_MS = 1_000;

const ignore = (): void => {};

/** Opens streams through Tor. Names go to Tor as names, and nothing is ever looked up here. */
export class TorAgent extends SocksProxyAgent {
  readonly #options: TorAgentOptions;

  constructor(options: TorAgentOptions) {
    // Of this URL only the scheme is used: `socks5h` has the proxy resolve names, where `socks5` would do so on this
    // machine. The base class is not told where the proxy is, so that it cannot dial past the deadline and the isolation.
    super('socks5h://localhost');
    this.#options = options;
  }

  /** What `node:http` calls when this is given to it as an agent. TLS is the connector's, so plain HTTP only. */
  override async connect(_request: Parameters<BaseConnect>[0], options: Parameters<BaseConnect>[1]): Promise<Socket> {
    const { host, port, secureEndpoint } = options;
    if (secureEndpoint || typeof host !== 'string') {
      throw new Dns4torError('ERR_INTERNAL', 'TLS asked of the SOCKS agent');
    }
    return (await this.dial(host, port, Deadline.after(this.#options.clock, DEFAULT_DIAL_TIMEOUT_MS))).socket;
  }

  /**
   * Opens a stream to `host`, a name of at most 255 bytes or an IP literal without brackets, on a circuit of these credentials.
   * The socket is the caller's, who must begin to read at once: `socks` lets it flow with the next turn of the event loop.
   *
   * @param signal abandons the dial, with ERR_SHUTDOWN
   * @throws Dns4torError one of ERR_TOR_*; no socket is left open then, at the latest when the deadline has passed
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
    // Each error also rejects what is awaited below; a late one, after `socks` has let go, has nobody else.
    socket.on('error', ignore);
    try {
      await once(socket, 'connect').catch((error: NodeJS.ErrnoException) => {
        // Leak mutation: unreachable
        throw new Dns4torError('ERR_TOR_UNREACHABLE', `${formatTorAddress(socks)} (${error.code})`, error);
      });
      // First, or another user's program would learn the destination, and could connect to it without Tor.
      const standing = await judgeOpen(judgePeer, socks, socket);
      socket.on('data', onData);
      await SocksClient.createConnection({
        proxy: { ...this.proxy, userId: credentials.username, password: credentials.password },
        // Leak mutation: destination
        destination: { host, port },
        command: 'connect',
        existing_socket: socket,
        timeout: deadline.remainingMs + SOCKS_TIMER_MARGIN_MS,
      });
      // `socks` offers to go without credentials too. Tor never chooses that; a proxy that does would not isolate.
      if (!reply.authenticated) {
        throw new Dns4torError('ERR_TOR_NOT_SOCKS', `${formatTorAddress(socks)} takes no credentials`);
      }
      if (!reply.hasAddress)
        throw new Dns4torError('ERR_TOR_NOT_SOCKS', `${formatTorAddress(socks)} sent no bound address`);
      // Only the injected clock times out. An idle connection may stay open.
      socket.setTimeout(0).removeAllListeners('timeout');
      socket.off('error', ignore);
      return { socket, standing };
    } catch (error) {
      socket.destroy();
      if (abandoned !== undefined) throw abandoned;
      if (error instanceof Dns4torError) throw error;
      const { failure } = reply;
      // Hung up on before an answer: Tor is going down, or its SocksPolicy has no place for us.
      if (failure === undefined) throw new Dns4torError('ERR_TOR_UNREACHABLE', `${route}: connection closed`, error);
      throw new Dns4torError(failure.code, `${route} (${failure.detail})`, error);
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
      socket.off('data', onData);
    }
  }
}
