import { type Dns4torError, toDns4torError } from '../../failures/errors.ts';
import type { ErrorCode } from '../../failures/failures.ts';
import type { Deadline } from '../../lib/deadline.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import type { Random } from '../../lib/random.ts';
import { buildPlainQuery, PLAIN_QUERY_RANDOM_BYTES } from '../../message/plain-query.ts';
import { readU16, writeU16 } from '../../message/wire/bytes.ts';
import { FLAG, flagsOf, HEADER } from '../../message/wire/header.ts';
import type { RouteServer } from '../../model/route.ts';
import { validateResponse } from '../transport/validate-response.ts';
import { exchangeOverTcp, exchangeOverUdp, type PlainNetwork, type PlainReply } from './plain-exchange.ts';

/** What a {@link LocalServer} needs. */
export interface LocalServerComponents extends PlainNetwork {
  readonly random: Random;
  readonly events?: LocalServerEvents | undefined;
}

/** Receives changes of a server's health, for logging. */
export interface LocalServerEvents {
  /** The first failure after an answer, or of all. */
  failing(server: string, error: Dns4torError): void;
  /** The first answer after failures. */
  recovered(server: string): void;
}

/** After a failure, other servers of the route are tried before this one for so long. */
const REST_MS = 10_000;

/** Failures of the server or the way to it, not of one question. */
const SERVER_FAILURES: ReadonlySet<ErrorCode> = new Set([
  'ERR_ROUTE_TIMEOUT',
  'ERR_ROUTE_UNREACHABLE',
  'ERR_ROUTE_DENIED',
]);

/** One server of a route, and whether it answers. Sends nothing but clients' queries: it is never probed. */
export class LocalServer {
  /** host:port, with brackets around an IPv6 address. */
  readonly address: string;
  readonly #components: LocalServerComponents;
  readonly #server: RouteServer;
  #failure: ErrorCode | undefined;
  #failedAt = -Infinity;

  constructor(components: LocalServerComponents, server: RouteServer) {
    this.#components = components;
    this.#server = server;
    this.address = formatHostPort(server.host, server.port);
  }

  /** Why the latest exchange failed. Undefined if it did not, or there was none. */
  get failure(): ErrorCode | undefined {
    return this.#failure;
  }

  /** Whether it failed a moment ago, so that other servers are better. */
  get isResting(): boolean {
    return this.#failure !== undefined && this.#components.clock.now() - this.#failedAt < REST_MS;
  }

  /**
   * Sends a query over UDP, and over TCP if the answer is truncated or its origin is doubtful.
   *
   * @param query as `buildUpstreamQuery` returns it; not modified
   * @returns the answer with ID 0. AD is cleared: nothing authenticates the server (RFC 4035 §4.9.3, RFC 6840 §5.8).
   * @throws Dns4torError ERR_ROUTE_TIMEOUT, ERR_ROUTE_UNREACHABLE, ERR_ROUTE_DENIED, ERR_RESPONSE_*, ERR_GIVEN_UP,
   *   ERR_SHUTDOWN
   */
  async exchange(query: Uint8Array, deadline: Deadline): Promise<Uint8Array> {
    try {
      const reply = await this.#ask(query, deadline, true);
      const { message } = reply.match === 'refused-edns' ? await this.#ask(query, deadline, false) : reply;
      this.#recordAnswer();
      writeU16(message, HEADER.id, readU16(query, HEADER.id));
      validateResponse(query, message);
      writeU16(message, HEADER.flags, flagsOf(message) & ~FLAG.AD);
      return message;
    } catch (thrown) {
      this.#recordFailure(toDns4torError(thrown));
      throw thrown;
    }
  }

  async #ask(query: Uint8Array, deadline: Deadline, edns: boolean): Promise<PlainReply> {
    const build = (): Uint8Array =>
      buildPlainQuery(query, this.#components.random.bytes(PLAIN_QUERY_RANDOM_BYTES), edns);
    const reply = await exchangeOverUdp(this.#components, this.#server, build(), deadline);
    const isTruncated = reply.match === 'answer' && (flagsOf(reply.message) & FLAG.TC) !== 0;
    const isDoubtful = reply.match === 'recased' || reply.match === 'suspicious';
    if (!isTruncated && !isDoubtful) return reply;
    return exchangeOverTcp(this.#components, this.#server, build(), deadline);
  }

  #recordAnswer(): void {
    if (this.#failure === undefined) return;
    this.#failure = undefined;
    this.#components.events?.recovered(this.address);
  }

  #recordFailure(error: Dns4torError): void {
    if (!SERVER_FAILURES.has(error.code)) return;
    this.#failedAt = this.#components.clock.now();
    const isNew = this.#failure === undefined;
    this.#failure = error.code;
    if (isNew) this.#components.events?.failing(this.address, error);
  }
}
