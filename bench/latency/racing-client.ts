import { once } from 'node:events';
import { type ClientHttp2Session, constants } from 'node:http2';
import { buffer } from 'node:stream/consumers';
import type { Clock } from '../../src/lib/clock.ts';
import { Deadline } from '../../src/lib/deadline.ts';
import { buildUpstreamQuery } from '../../src/message/upstream-query.ts';
import { encodeQuestion } from '../../src/message/wire/codec.ts';
import type { NameClient } from './name-client.ts';
import { openHttp2, type SocksEndpoint } from './open-http2.ts';

/** As in cloudflared: the timeout of its HTTP client, including the dial, and its default of --max-upstream-conns. */
const TIMEOUT_MS = 5000;
const MAX_DIALS = 5;

const MEDIA_TYPE = 'application/dns-message';

export interface RacingClientInit {
  readonly socks: SocksEndpoint;
  /** URL of the DoH server. */
  readonly url: URL;
}

/** A request that waits for a connection. */
interface Waiting {
  readonly useSession: (session: ClientHttp2Session | undefined) => void;
  /** Aborted when the request has ended. */
  readonly ended: AbortSignal;
  hasDialled: boolean;
}

/**
 * A DoH client with one connection, which behaves as cloudflared 2023.7.0 does through Go's net/http:
 *
 * - Nothing is dialled before the first request.
 * - Each request that finds no connection starts a dial, unless {@link MAX_DIALS} are under way.
 * - The first dial to complete its TLS handshake serves every request. The others are closed when they complete.
 * - A dial is abandoned when the request that started it has ended.
 * - Each request is sent once. It fails after {@link TIMEOUT_MS}, or with any status but 200.
 * - After a lost connection, the next request dials again.
 */
export class RacingClient implements NameClient {
  readonly #clock: Clock;
  readonly #init: RacingClientInit;
  readonly #closing = new AbortController();
  readonly #waiting = new Set<Waiting>();
  #session: ClientHttp2Session | undefined;
  #dials = 0;

  constructor(clock: Clock, init: RacingClientInit) {
    this.#clock = clock;
    this.#init = init;
  }

  start(): void {}

  async ask(name: string): Promise<boolean> {
    const deadline = Deadline.after(this.#clock, TIMEOUT_MS);
    const ended = new AbortController();
    try {
      const session = this.#session ?? (await this.#waitForSession(deadline, ended.signal));
      return session !== undefined && (await this.#exchange(session, name, deadline));
    } catch {
      return false;
    } finally {
      ended.abort();
    }
  }

  /** Undefined at the deadline, or if the dial for this request failed. */
  async #waitForSession(deadline: Deadline, ended: AbortSignal): Promise<ClientHttp2Session | undefined> {
    const { promise, resolve } = Promise.withResolvers<ClientHttp2Session | undefined>();
    const waiting = { useSession: resolve, ended, hasDialled: false };
    const timer = deadline.schedule(() => resolve(undefined));
    this.#waiting.add(waiting);
    this.#dialMore();
    try {
      return await promise;
    } finally {
      timer.cancel();
      this.#waiting.delete(waiting);
    }
  }

  #dialMore(): void {
    for (const waiting of this.#waiting) {
      if (this.#session !== undefined || this.#dials === MAX_DIALS || this.#closing.signal.aborted) return;
      if (!waiting.hasDialled) void this.#dial(waiting);
    }
  }

  async #dial(waiting: Waiting): Promise<void> {
    const { socks, url } = this.#init;
    waiting.hasDialled = true;
    this.#dials++;
    try {
      const session = await openHttp2(socks, url, AbortSignal.any([waiting.ended, this.#closing.signal]));
      if (this.#session === undefined) this.#take(session);
      else session.destroy();
    } catch {
      waiting.useSession(undefined);
    } finally {
      this.#dials--;
      this.#dialMore();
    }
  }

  #take(session: ClientHttp2Session): void {
    this.#session = session;
    session.once('close', () => (this.#session = undefined));
    for (const { useSession } of this.#waiting) useSession(session);
  }

  async #exchange(session: ClientHttp2Session, name: string, deadline: Deadline): Promise<boolean> {
    const query = buildUpstreamQuery(encodeQuestion(name, 'A'), false, false);
    const stream = session.request({
      ':method': 'POST',
      ':path': this.#init.url.pathname,
      'content-type': MEDIA_TYPE,
      'content-length': query.length,
    });
    stream.end(query);
    // A lost or reset stream emits 'close' without a response or a complete body.
    const timer = deadline.schedule(() => stream.close(constants.NGHTTP2_CANCEL));
    const closed = once(stream, 'close');
    let status: number | undefined;
    stream.once('response', (headers) => (status = headers[':status']));
    const body = buffer(stream).catch(() => undefined);
    try {
      await closed;
      return status === 200 && stream.rstCode === constants.NGHTTP2_NO_ERROR && (await body) !== undefined;
    } finally {
      timer.cancel();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#session?.destroy();
  }
}
