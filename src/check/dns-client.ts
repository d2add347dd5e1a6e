import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Clock, Timer } from '../lib/clock.ts';
import { Dns4torError } from '../lib/errors.ts';
import { FAILURES } from '../lib/failures.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { isLoopback } from '../lib/loopback.ts';
import type { Random } from '../lib/random.ts';
import { decodeMessage, encodeOpt, encodeQuestion } from '../message/codec.ts';
import { EDNS_OPTION } from '../message/edns-options.ts';
import { UDP_PAYLOAD_BYTES } from '../message/edns.ts';
import { frame, MessageReader } from '../message/framing.ts';
import { FLAG } from '../message/header.ts';
import type { Target } from '../system/target.ts';

/** Datagrams get lost, and a resolver that restarts does not hear the first. */
const RESEND_MS = 2000;
const ID_BYTES = 2;

export type Transport = 'udp' | 'tcp';

export interface Question {
  readonly name: string;
  readonly type: 'A' | 'NS';
  /** Without it dns4tor answers by itself, whatever is asked. */
  readonly recursionDesired: boolean;
}

export interface Reply {
  /** Its name, as in NXDOMAIN. */
  readonly rcode: string;
  /** Why, in the resolver's words (RFC 8914), if it says so. */
  readonly error: { readonly code: number; readonly text: string } | undefined;
}

export interface AskOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly patienceMs: number;
  /** Goes on asking over UDP where nothing listens yet. @default false */
  readonly mayCome?: boolean;
}

/**
 * Asks a server of this machine, and no other: what is sent to an address that the machine does not have would leave it in the clear.
 *
 * @throws Dns4torError ERR_LISTEN_ADDRESS the address is not this machine's
 * @throws Error there was no reply
 */
export async function ask(
  target: Target,
  question: Question,
  transport: Transport,
  options: AskOptions,
): Promise<Reply> {
  if (!isOwnAddress(target.address)) {
    throw new Dns4torError('ERR_LISTEN_ADDRESS', formatHostPort(target.address, target.port));
  }
  const query = buildQuery(options.random, question);
  return readReply(await (transport === 'udp' ? exchangeUdp : exchangeTcp)(target, query, options));
}

/** What only dns4tor answers in this way, of which nothing goes upstream. Another server may take it for a question; it is not about anybody. */
export const WHO_ARE_YOU: Question = { name: '.', type: 'A', recursionDesired: false };

/** Whether the reply to {@link WHO_ARE_YOU} is dns4tor's, of this version or one that says it in the same words. */
export function isDns4tor({ rcode, error }: Reply): boolean {
  return rcode === 'REFUSED' && error?.text === FAILURES.ERR_QUERY_NOT_RECURSIVE.sentence;
}

function isOwnAddress(address: string): boolean {
  if (isLoopback(address)) return true;
  return Object.values(networkInterfaces()).some((list) => list?.some((own) => own.address === address));
}

function buildQuery(random: Random, { name, type, recursionDesired }: Question): Buffer {
  const header = Buffer.alloc(12);
  header.set(random.bytes(ID_BYTES));
  header.writeUInt16BE(recursionDesired ? FLAG.RD : 0, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(1, 10);
  const opt = encodeOpt({ udpPayloadBytes: UDP_PAYLOAD_BYTES, dnssecOk: false });
  return Buffer.concat([header, encodeQuestion(name, type), opt]);
}

async function exchangeUdp(
  { address, port }: Target,
  query: Buffer,
  { clock, patienceMs, mayCome = false }: AskOptions,
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
  socket.connect(port, address);
  try {
    return await promise;
  } finally {
    givingUp.cancel();
    resending?.cancel();
    socket.close();
  }
}

async function exchangeTcp(
  { address, port }: Target,
  query: Buffer,
  { clock, patienceMs }: AskOptions,
): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const reader = new MessageReader();
  const socket = connect({ host: address, port });
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

function isReplyTo(query: Uint8Array, message: Uint8Array): boolean {
  return Buffer.compare(message.subarray(0, ID_BYTES), query.subarray(0, ID_BYTES)) === 0;
}

function readReply(message: Uint8Array): Reply {
  const decoded = decodeMessage(message) as { rcode?: string; additionals?: readonly unknown[] };
  const opt = (decoded.additionals ?? []).find(isOpt);
  const data = opt?.options.find(({ code }) => code === EDNS_OPTION.extendedError)?.data;
  const error = data === undefined ? undefined : { code: data.readUInt16BE(0), text: data.subarray(2).toString() };
  return { rcode: decoded.rcode ?? '', error };
}

function isOpt(
  record: unknown,
): record is { readonly options: readonly { readonly code: number; readonly data: Buffer }[] } {
  return typeof record === 'object' && record !== null && 'type' in record && record.type === 'OPT';
}
