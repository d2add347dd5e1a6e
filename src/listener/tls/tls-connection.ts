import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Timer } from '../../lib/clock.ts';
import type { ServedConnection } from '../connection-listener.ts';
import type { ListenerComponents } from '../listener.ts';
import type { ServerIdentity } from './server-identity.ts';

/** Time limit from the connection to the end of its TLS handshake: two round trips, also on a slow mobile network. */
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
  readonly #init: TlsConnectionInit;
  readonly #timer: Timer;
  readonly #openedAt: number;
  #tls: TLSSocket | undefined;
  #served: ServedConnection | undefined;
  /** Closed by us, for a reason that is not the handshake. */
  #isClosing = false;

  /** @param socket owned from here on; nothing has been read from it yet */
  constructor({ clock, metrics }: ListenerComponents, socket: Socket, init: TlsConnectionInit) {
    this.#socket = socket;
    this.#init = init;
    this.#openedAt = clock.now();
    this.#timer = clock.schedule(HANDSHAKE_MS, () => socket.destroy());
    socket.once('close', () => {
      this.#timer.cancel();
      const isUnfinished = this.#tls !== undefined && this.#served === undefined;
      if (isUnfinished && !this.#isClosing) metrics.dropped('tls_handshake');
    });
    // The client has closed its side before its handshake began.
    socket.once('end', () => socket.destroy());
    // A client that sends nothing costs no TLS state, and no turn.
    socket.once('readable', () => init.identity.handshakes.take(() => this.#begin()));
  }

  #begin(): void {
    const { identity, alpn, serve } = this.#init;
    // Closed while it waited for its turn, or by a client that has sent nothing.
    if (this.#socket.destroyed || this.#socket.readableLength === 0) return void this.#socket.destroy();
    const tls = new TLSSocket(this.#socket, {
      isServer: true,
      secureContext: identity.context,
      // RFC 7301 §3.2: with none in common, the handshake fails with no_application_protocol.
      ALPNProtocols: [...alpn],
    });
    this.#tls = tls;
    const close = (): void => void tls.destroy();
    tls.on('error', close);
    // Once the handshake is done, only a tls.Server makes its sockets emit `error` for TLS errors.
    tls.on('_tlsError', close);
    // RFC 8446 §6.1: the client has closed its side before the end of the handshake.
    tls.once('end', close);
    tls.once('secure', () => {
      this.#timer.cancel();
      tls.off('end', close);
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
    if (this.#served === undefined) this.evict();
    else this.#served.end();
  }

  evict(): void {
    this.#isClosing = true;
    // Destroying the TLS socket destroys both, in the order that it expects.
    (this.#tls ?? this.#socket).destroy();
  }

  async idle(): Promise<void> {
    await this.#served?.idle();
  }
}
