import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Clock, Timer } from '../lib/clock.ts';
import { Dns4torError } from '../failures/errors.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { isLoopback } from '../lib/loopback.ts';
import type { Transport } from '../model/query.ts';
import { frame, MessageReader } from '../message/wire/framing.ts';

/**
 * Source addresses of queries. A packet from loopback never leaves the machine (RFC 1122 §3.2.1.3), even if the machine
 * has just lost the server's address. dns4tor also reports provenance to local clients only.
 */
const SOURCES = { 4: '127.0.0.1', 6: '::1' } as const;

/** Datagrams get lost, and a resolver that restarts does not hear the first. */
const RESEND_MS = 2000;
const ID_BYTES = 2;

/** A server's socket. */
export interface Server {
  readonly address: string;
  readonly port: number;
}

export interface ExchangeOptions {
  readonly clock: Clock;
  readonly patienceMs: number;
  /** Goes on asking over UDP where nothing listens yet. @default false */
  readonly mayCome?: boolean;
}

/**
 * Sends a query to a server of this machine, and no other: what is sent to an address that the machine does not have would leave it in the
 * clear. Returns the reply's bytes.
 *
 * @throws Dns4torError ERR_LISTEN_ADDRESS the address is not this machine's
 * @throws Error there was no reply
 */
export async function exchange(
  server: Server,
  query: Uint8Array,
  transport: Transport,
  options: ExchangeOptions,
): Promise<Uint8Array> {
  if (!isOwnAddress(server.address)) {
    throw new Dns4torError('ERR_LISTEN_ADDRESS', formatHostPort(server.address, server.port));
  }
  return transport === 'udp' ? exchangeUdp(server, query, options) : exchangeTcp(server, query, options);
}

/** Whether the address is this machine's, so that what is sent to it does not leave. False for what is no IP address, but `localhost`. */
export function isOwnAddress(address: string): boolean {
  if (isLoopback(address)) return true;
  return Object.values(networkInterfaces()).some((list) => list?.some((own) => own.address === address));
}

async function exchangeUdp(
  { address, port }: Server,
  query: Uint8Array,
  { clock, patienceMs, mayCome = false }: ExchangeOptions,
): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  let resending: Timer | undefined;
  const send = (): void => {
    socket.send(query);
    resending = clock.schedule(RESEND_MS, send);
  };
  let refusal: unknown;
  const givingUp = clock.schedule(patienceMs, () => reject(refusal ?? new Error('no reply')));
  socket.on('error', (error) => {
    refusal = error;
    if (!mayCome) reject(error);
  });
  socket.on('connect', send);
  socket.on('message', (message) => {
    if (isReplyTo(query, message)) resolve(message);
  });
  socket.bind({ address: sourceFor(address) }, () => socket.connect(port, address));
  try {
    return await promise;
  } finally {
    givingUp.cancel();
    resending?.cancel();
    socket.close();
  }
}

async function exchangeTcp(
  { address, port }: Server,
  query: Uint8Array,
  { clock, patienceMs }: ExchangeOptions,
): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const reader = new MessageReader();
  const socket = connect({ host: address, port, localAddress: sourceFor(address) });
  const givingUp = clock.schedule(patienceMs, () => reject(new Error('no reply')));
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
    givingUp.cancel();
    socket.destroy();
  }
}

function sourceFor(address: string): string {
  return SOURCES[isIPv6(address) ? 6 : 4];
}

function isReplyTo(query: Uint8Array, message: Uint8Array): boolean {
  return Buffer.compare(message.subarray(0, ID_BYTES), query.subarray(0, ID_BYTES)) === 0;
}
