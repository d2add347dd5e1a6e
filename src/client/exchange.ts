import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { Dns4torError } from '../failures/errors.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { isLoopback } from '../lib/ip-address.ts';
import { frame, MessageReader } from '../message/wire/framing.ts';
import type { PlainTransport } from '../model/query.ts';

/**
 * Source addresses of queries, by IP version. A packet from loopback never leaves the machine (RFC 1122 §3.2.1.3), even
 * if the machine has just lost the server's address. Besides, dns4tor reports provenance to loopback clients only.
 */
const SOURCES = { 4: '127.0.0.1', 6: '::1' } as const;

/** Retransmission interval over UDP: datagrams get lost, and a restarting resolver misses some. */
const RESEND_MS = 2000;
const ID_BYTES = 2;

/** Address and port of a server. */
export interface Server {
  readonly address: string;
  readonly port: number;
}

/** Time limit and retries of an exchange. */
export interface ExchangeOptions {
  readonly clock: Clock;
  /** Time to wait for the reply. */
  readonly timeoutMs: number;
  /** Over UDP, keeps trying while nothing listens at the address. @default false */
  readonly retryRefused?: boolean;
}

/**
 * Sends a query to a server on this machine and returns its reply. Refuses all other addresses, since the query would
 * leave this machine in the clear.
 *
 * @throws Dns4torError ERR_LISTEN_ADDRESS the address does not belong to this machine
 * @throws Error no reply came: a time-out or a socket error
 */
export async function exchange(
  server: Server,
  query: Uint8Array,
  transport: PlainTransport,
  options: ExchangeOptions,
): Promise<Uint8Array> {
  if (!isOwnAddress(server.address)) {
    throw new Dns4torError('ERR_LISTEN_ADDRESS', formatHostPort(server.address, server.port));
  }
  return transport === 'udp' ? exchangeUdp(server, query, options) : exchangeTcp(server, query, options);
}

/**
 * Whether an IP address belongs to this machine, so that packets to it stay here. True for `localhost`, not other
 * names.
 */
export function isOwnAddress(address: string): boolean {
  if (isLoopback(address)) return true;
  return Object.values(networkInterfaces()).some((list) => list?.some((own) => own.address === address));
}

async function exchangeUdp(
  { address, port }: Server,
  query: Uint8Array,
  { clock, timeoutMs, retryRefused = false }: ExchangeOptions,
): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  let resending: Timer | undefined;
  const send = (): void => {
    socket.send(query);
    resending = clock.schedule(RESEND_MS, send);
  };
  let refusal: unknown;
  const timer = clock.schedule(timeoutMs, () => reject(refusal ?? new Error('no reply')));
  socket.on('error', (error) => {
    refusal = error;
    if (!retryRefused) reject(error);
  });
  socket.on('connect', send);
  socket.on('message', (message) => {
    if (isReplyTo(query, message)) resolve(message);
  });
  socket.bind({ address: sourceFor(address) }, () => socket.connect(port, address));
  try {
    return await promise;
  } finally {
    timer.cancel();
    resending?.cancel();
    socket.close();
  }
}

async function exchangeTcp(
  { address, port }: Server,
  query: Uint8Array,
  { clock, timeoutMs }: ExchangeOptions,
): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const reader = new MessageReader();
  const socket = connect({ host: address, port, localAddress: sourceFor(address) });
  const timer = clock.schedule(timeoutMs, () => reject(new Error('no reply')));
  socket.on('error', reject);
  socket.on('close', () => reject(new Error('connection closed')));
  socket.on('connect', () => socket.write(frame(query)));
  socket.on('data', (chunk) => {
    reader.push(chunk);
    for (let message = reader.next(); message !== undefined; message = reader.next()) {
      if (isReplyTo(query, message)) resolve(message);
    }
  });
  try {
    return await promise;
  } finally {
    timer.cancel();
    socket.destroy();
  }
}

/** The source address of a connection to a server on this machine; see {@link SOURCES}. */
export function sourceFor(address: string): string {
  return SOURCES[isIPv6(address) ? 6 : 4];
}

function isReplyTo(query: Uint8Array, message: Uint8Array): boolean {
  return Buffer.compare(message.subarray(0, ID_BYTES), query.subarray(0, ID_BYTES)) === 0;
}
