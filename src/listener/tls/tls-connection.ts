import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Timer } from '../../lib/clock.ts';
import type { ServedConnection } from '../connection-listener.ts';
import type { ListenerComponents } from '../listener.ts';
import type { ServerIdentity } from './server-identity.ts';

/** Time limit for the TLS handshake: two round trips, also on a slow mobile network. */
const HANDSHAKE_MS = 5000;

interface TlsConnectionInit {
  readonly identity: ServerIdentity;
  /** Names of the application protocols (RFC 7301), the preferred one first. Clients may also offer none. */
  readonly alpn: readonly string[];
  /** Serves the connection once the handshake is done. */
  readonly serve: (socket: TLSSocket) => ServedConnection;
}

/** A connection that becomes another one when its TLS handshake is done. */
export class TlsConnection implements ServedConnection {
  readonly #socket: Socket;
  readonly #handshake: Timer;
  readonly #openedAt: number;
  #served: ServedConnection | undefined;

  /** @param socket owned from here on; nothing has been read from it yet */
  constructor({ clock, metrics }: ListenerComponents, socket: Socket, { identity, alpn, serve }: TlsConnectionInit) {
    this.#socket = socket;
    this.#openedAt = clock.now();
    this.#handshake = clock.schedule(HANDSHAKE_MS, () => {
      metrics.dropped('tcp_message');
      socket.destroy();
    });
    const tls = new TLSSocket(socket, {
      isServer: true,
      secureContext: identity.context,
      ALPNProtocols: [...alpn],
    });
    // `close` follows every error: also those of a failed handshake, which no client has to be told about.
    tls.on('error', () => socket.destroy());
    tls.on('close', () => this.#handshake.cancel());
    tls.once('secure', () => {
      this.#handshake.cancel();
      this.#served = serve(tls);
      // Only a tls.Server marks the handshake of its sockets as done. Without that, node:http2 waits for this event.
      tls.emit('secureConnect');
    });
  }

  get idleSince(): number {
    return this.#served?.idleSince ?? this.#openedAt;
  }

  get busy(): boolean {
    return this.#served?.busy ?? false;
  }

  end(): void {
    if (this.#served === undefined) this.#socket.destroy();
    else this.#served.end();
  }

  evict(): void {
    this.#socket.destroy();
  }

  async idle(): Promise<void> {
    await this.#served?.idle();
  }
}
