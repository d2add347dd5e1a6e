import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { Dns4torError } from '../../failures/errors.ts';
import type { ErrorCode } from '../../failures/failures.ts';
import type { Clock, Timer } from '../../lib/clock.ts';
import type { Deadline } from '../../lib/deadline.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import { matchPlainAnswer, type PlainMatch } from '../../message/plain-query.ts';
import { frame, MessageReader } from '../../message/wire/framing.ts';
import type { RouteServer } from '../../model/route.ts';

/** What the exchanges of all routes share. */
export interface PlainNetwork {
  readonly clock: Clock;
  /** Ends each exchange in flight. */
  readonly closers: Set<() => void>;
}

/** A received message, and what it is to the query. */
export interface PlainReply {
  readonly match: Exclude<PlainMatch, 'stray'> | 'suspicious';
  readonly message: Uint8Array;
}

/**
 * When a query without an answer is sent again, after the previous time. Doubles each time. Local servers need less.
 */
const RESEND_MS = 750;

/**
 * Maximum datagrams that do not match the query. A server sends none, so somebody may be guessing (RFC 5452 §9.2); the
 * query is then sent over TCP.
 */
const MAX_STRAYS = 32;

/**
 * Sends a query over UDP from a new socket, and thus from an unpredictable port, and again if no answer comes. The
 * kernel discards datagrams from other addresses and ports, because the socket is connected.
 *
 * @param query as `buildPlainQuery` returns it
 * @returns the first datagram that matches, or a `suspicious` one after too many that do not
 * @throws Dns4torError ERR_ROUTE_TIMEOUT at the deadline, ERR_ROUTE_UNREACHABLE, ERR_ROUTE_DENIED, ERR_GIVEN_UP,
 *   ERR_SHUTDOWN
 */
export function exchangeOverUdp(
  { clock, closers }: PlainNetwork,
  { host, port }: RouteServer,
  query: Uint8Array,
  deadline: Deadline,
): Promise<PlainReply> {
  return settle({ closers, host, port, deadline }, (resolve, reject) => {
    const socket = createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4', lookup: noLookup });
    let resend: Timer | undefined;
    let strays = 0;
    const send = (pauseMs: number): void => {
      socket.send(query, (error) => error && reject(error));
      resend = clock.schedule(pauseMs, () => send(2 * pauseMs));
    };
    socket.on('message', (message) => {
      const match = matchPlainAnswer(query, message);
      if (match !== 'stray') resolve({ match, message });
      else if (++strays >= MAX_STRAYS) resolve({ match: 'suspicious', message });
    });
    socket.on('error', reject);
    socket.once('connect', () => send(RESEND_MS));
    socket.connect(port, host);
    return () => {
      resend?.cancel();
      // A socket that is still being bound is closed once that is done.
      socket.close();
    };
  });
}

/**
 * Sends a query over a new TCP connection (RFC 7766), which closes after the answer.
 *
 * @returns the first message. Its case may differ, because nobody who cannot see the connection can forge it.
 * @throws see {@link exchangeOverUdp}; also ERR_RESPONSE_MISMATCH
 */
export function exchangeOverTcp(
  { closers }: PlainNetwork,
  { host, port }: RouteServer,
  query: Uint8Array,
  deadline: Deadline,
): Promise<PlainReply> {
  return settle({ closers, host, port, deadline }, (resolve, reject) => {
    const reader = new MessageReader();
    const socket = connect({ host, port, lookup: noLookup });
    socket.on('data', (chunk: Buffer) => {
      reader.push(chunk);
      const message = reader.next();
      if (message === undefined) return;
      const match = matchPlainAnswer(query, message);
      if (match === 'stray') reject(new Dns4torError('ERR_RESPONSE_MISMATCH'));
      else resolve({ match, message });
    });
    socket.on('error', reject);
    socket.once('close', () => reject(new Dns4torError('ERR_ROUTE_UNREACHABLE', formatHostPort(host, port))));
    socket.write(frame(query));
    return () => {
      socket.destroy();
    };
  });
}

/** The addresses of routes are IP addresses. Node would not look them up, but this makes sure. */
function noLookup(
  host: string,
  _options: unknown,
  callback: (error: null, address: string, family: number) => void,
): void {
  callback(null, host, isIPv6(host) ? 6 : 4);
}

/** The end of an exchange: by its outcome, its deadline, or the shutdown. */
interface Limits {
  readonly closers: Set<() => void>;
  readonly host: string;
  readonly port: number;
  readonly deadline: Deadline;
}

/**
 * Runs one exchange until it settles, and then closes its socket.
 * @param start begins the exchange, and returns how its socket is closed
 */
function settle<T>(
  { closers, host, port, deadline }: Limits,
  start: (resolve: (value: T) => void, reject: (error: Error) => void) => () => void,
): Promise<T> {
  const server = formatHostPort(host, port);
  return new Promise((resolve, reject) => {
    let isSettled = false;
    const finish = (act: () => void): void => {
      if (isSettled) return;
      isSettled = true;
      timer.cancel();
      closers.delete(onShutdown);
      // Not at once: the callback that settles it may still be running inside `start`.
      queueMicrotask(() => close?.());
      act();
    };
    const fail = (error: Error): void => finish(() => reject(toRouteError(error, server)));
    const onShutdown = (): void => fail(new Dns4torError('ERR_SHUTDOWN'));
    const timer = deadline.schedule(() =>
      fail(deadline.isGivenUp ? deadline.toError() : new Dns4torError('ERR_ROUTE_TIMEOUT', server)),
    );
    closers.add(onShutdown);
    let close: (() => void) | undefined;
    try {
      close = start((value) => finish(() => resolve(value)), fail);
    } catch (error) {
      fail(error instanceof Error ? error : new Error(String(error)));
    }
  });
}

/**
 * Codes of the operating system if it does not let this process send: a firewall or IPAddressDeny= (EPERM, EACCES), or
 * RestrictAddressFamilies= (EAFNOSUPPORT).
 */
const DENIALS: ReadonlySet<string> = new Set(['EPERM', 'EACCES', 'EAFNOSUPPORT']);

function toRouteError(error: Error, server: string): Dns4torError {
  if (error instanceof Dns4torError) return error;
  const systemCode = 'code' in error ? String(error.code) : '';
  const code: ErrorCode = DENIALS.has(systemCode) ? 'ERR_ROUTE_DENIED' : 'ERR_ROUTE_UNREACHABLE';
  return new Dns4torError(code, server, error);
}
