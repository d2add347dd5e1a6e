import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Clock, Timer } from '../lib/clock.ts';
import { Dns4torError } from '../lib/errors.ts';
import { EDE, type ErrorCode, FAILURES } from '../lib/failures.ts';
import { formatHostPort } from '../lib/host-port.ts';
import type { Random } from '../lib/random.ts';
import { decodeMessage, encodeOpt, encodeQuestion } from '../message/codec.ts';
import type { Checks } from '../system/machine.ts';
import type { Target } from '../system/target.ts';

/** Longer than an onion's answer takes in 99 of 100 cases, by way of a resolver that has just been restarted. */
const PATIENCE_MS = 20_000;
/** Datagrams get lost, and a resolver that restarts does not hear the first. */
const RESEND_MS = 2000;
const NAMESERVER_PORT = 53;
const UDP_PAYLOAD_BYTES = 1232;
const RECURSION_DESIRED = 0x0100;
const EDE_OPTION = 15;

interface Reply {
  readonly rcode: string;
  readonly error: { readonly code: number; readonly text: string } | undefined;
}

/** Asks real queries over UDP, of this machine alone. */
export function createChecks(clock: Clock, random: Random): Checks {
  const ask = (target: Target, name: string, flags: number, code: ErrorCode): Promise<Reply> =>
    // The server in resolv.conf may be one that has just been restarted, and not be there yet.
    exchange(clock, target, buildQuery(random, name, flags), code === 'ERR_SYSTEM_CHECK').catch((error: unknown) => {
      throw new Dns4torError(code, formatHostPort(target.address, target.port), error);
    });
  return {
    async upstream(target) {
      const code = 'ERR_SYSTEM_UNANSWERED';
      const where = formatHostPort(target.address, target.port);
      // Only dns4tor refuses a query without RD in these words. Any other server there would ask the network in the clear.
      const refusal = await ask(target, '.', 0, code);
      const isOurs = refusal.rcode === 'REFUSED' && refusal.error?.text === FAILURES.ERR_QUERY_NOT_RECURSIVE.sentence;
      if (!isOurs) throw new Dns4torError(code, `what answers at ${where} is not dns4tor, or another version of it`);
      const { rcode, error } = await ask(target, unknownName(random), RECURSION_DESIRED, code);
      if (isAnswer(rcode) && error?.code !== EDE.staleAnswer) return;
      throw new Dns4torError(code, `dns4tor at ${where} has no answer${error === undefined ? '' : `: ${error.text}`}`);
    },
    async nameserver(address) {
      const code = 'ERR_SYSTEM_CHECK';
      const { rcode } = await ask({ address, port: NAMESERVER_PORT }, unknownName(random), RECURSION_DESIRED, code);
      if (!isAnswer(rcode)) throw new Dns4torError(code, `the server in resolv.conf, ${address}, answers ${rcode}`);
    },
  };
}

/** A name that no cache on the way has, of two labels, as systemd-resolved does not send single ones on. That it does not exist is an answer. */
function unknownName(random: Random): string {
  return `${Buffer.from(random.bytes(8)).toString('hex')}.com`;
}

function isAnswer(rcode: string): boolean {
  return rcode === 'NOERROR' || rcode === 'NXDOMAIN';
}

function buildQuery(random: Random, name: string, flags: number): Buffer {
  const header = Buffer.alloc(12);
  header.set(random.bytes(2));
  header.writeUInt16BE(flags, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(1, 10);
  const opt = encodeOpt({ udpPayloadBytes: UDP_PAYLOAD_BYTES, dnssecOk: false });
  return Buffer.concat([header, encodeQuestion(name, 'A'), opt]);
}

/** @param mayCome goes on asking where nothing listens */
function exchange(clock: Clock, { address, port }: Target, query: Buffer, mayCome: boolean): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  let resending: Timer | undefined;
  const send = (): void => {
    socket.send(query);
    resending = clock.schedule(RESEND_MS, send);
  };
  const givingUp = clock.schedule(PATIENCE_MS, () => reject(new Error('no reply')));
  let refusal: unknown;
  socket.on('error', (error) => {
    refusal = error;
    if (!mayCome) reject(error);
  });
  socket.on('connect', send);
  socket.on('message', (message) => {
    if (!message.subarray(0, 2).equals(query.subarray(0, 2))) return;
    try {
      resolve(readReply(message));
    } catch (error) {
      reject(error);
    }
  });
  socket.connect(port, address);
  return promise
    .catch((error: unknown) => {
      throw refusal ?? error;
    })
    .finally(() => {
      givingUp.cancel();
      resending?.cancel();
      socket.close();
    });
}

function readReply(message: Uint8Array): Reply {
  const decoded = decodeMessage(message) as { rcode?: string; additionals?: readonly unknown[] };
  const opt = (decoded.additionals ?? []).find(isOpt);
  const data = opt?.options.find(({ code }) => code === EDE_OPTION)?.data;
  const error = data === undefined ? undefined : { code: data.readUInt16BE(0), text: data.subarray(2).toString() };
  return { rcode: decoded.rcode ?? '', error };
}

function isOpt(
  record: unknown,
): record is { readonly options: readonly { readonly code: number; readonly data: Buffer }[] } {
  return typeof record === 'object' && record !== null && 'type' in record && record.type === 'OPT';
}
