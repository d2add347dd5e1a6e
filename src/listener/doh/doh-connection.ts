import { performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { MAX_MESSAGE_BYTES } from '../../message/wire/header.ts';
import { createQueryScanner } from '../../message/wire/scan-query.ts';
import type { ServedConnection, Slot } from '../connection-listener.ts';
import { InFlight } from '../in-flight.ts';
import type { ListenerComponents } from '../listener.ts';

interface DohConnectionInit extends Slot<DohConnection> {
  /** Path of the only resource. */
  readonly path: string;
  /** Whether the client chose HTTP/2 by ALPN. */
  readonly isHttp2: boolean;
}

/** One client's HTTP connection. */
export class DohConnection implements ServedConnection {
  readonly #components: ListenerComponents;
  readonly #init: DohConnectionInit;
  readonly #socket: Socket;
  readonly #session: ServerHttp2Session;
  readonly #scan = createQueryScanner();
  readonly #inFlight = new InFlight();
  readonly #replySpace = new Uint8Array(MAX_MESSAGE_BYTES);
  #idleSince: number;

  /** @param socket owned from here on */
  constructor(components: ListenerComponents, socket: Socket, init: DohConnectionInit) {
    this.#components = components;
    this.#init = init;
    this.#socket = socket;
    this.#idleSince = components.clock.now();
    this.#session = performServerHandshake(socket);
    this.#session.on('error', () => socket.destroy());
    this.#session.on('stream', (stream, headers) => void this.#serve(stream, headers[':path'] ?? ''));
  }

  get idleSince(): number {
    return this.#idleSince;
  }

  get busy(): boolean {
    return this.#inFlight.count > 0;
  }

  end(): void {
    this.#session.close();
  }

  evict(): void {
    this.#socket.destroy();
  }

  idle(): Promise<void> {
    return this.#inFlight.idle();
  }

  async #serve(stream: ServerHttp2Stream, path: string): Promise<void> {
    stream.on('error', () => {});
    const url = new URL(path, 'https://localhost');
    const text = url.searchParams.get('dns');
    if (url.pathname !== this.#init.path || text === null) {
      stream.respond({ ':status': 404 }, { endStream: true });
      return;
    }
    const wire = Buffer.from(text, 'base64url');
    this.#inFlight.begin();
    const result = this.#components.handler(
      {
        wire,
        scan: this.#scan(wire),
        transport: 'doh',
        family: 4,
        client: this.#init.client,
        server: this.#init.server,
        clientPort: this.#socket.remotePort ?? 0,
        tcpIdleMs: undefined,
        arrivedAt: this.#components.clock.now(),
      },
      this.#replySpace,
    );
    const reply = typeof result === 'number' ? this.#replySpace.slice(0, result) : await result;
    stream.respond({ ':status': 200, 'content-type': 'application/dns-message', 'content-length': reply.length });
    stream.end(reply);
    this.#inFlight.end();
    this.#init.onUsed(this);
  }
}
