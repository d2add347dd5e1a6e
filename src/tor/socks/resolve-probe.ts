import type { Socket } from 'node:net';
import { Dns4torError } from '../../failures/errors.ts';
import { formatTorAddress, type TorAddress } from '../../model/tor-address.ts';
import { connectTo } from '../connect-to.ts';
import { type JudgePeer, judgeWhileOpen, type ToleratedStanding } from './socks-peer.ts';

/**
 * How a SOCKS5 proxy reacted to RESOLVE for an IP address: `answered` with port 0, as tor does; `echoed` if the answer
 * repeats the port of the request, as with arti; `refused` as an unsupported command; `closed` without a reply.
 */
export type ResolveReaction = 'answered' | 'echoed' | 'refused' | 'closed';

/** The outcome of a probe. */
export interface ResolveProbe {
  readonly standing: ToleratedStanding;
  readonly reaction: ResolveReaction;
  /** Bytes that the proxy sent, in hexadecimal. */
  readonly received: string;
}

/** SOCKS versions and methods: RFC 1928 §3, RFC 1929 §2. */
const VERSION = 5;
const NO_AUTHENTICATION = 0;
const USERNAME_PASSWORD = 2;
const CREDENTIALS_VERSION = 1;
const CREDENTIALS_ACCEPTED = 0;

/** Reply codes of RFC 1928 §6. */
const SUCCEEDED = 0;
const COMMAND_NOT_SUPPORTED = 7;
const IPV4 = 1;

/*
 * Tor's own command RESOLVE (X'F0', socks-extensions.txt §2), as bytes because `socks` does not know it. The "name" to
 * resolve is an IP address. Tor replies with the same address without asking its network, even before it has
 * bootstrapped; other proxies reject the command. So no name leaves this machine, whatever listens. ATYP is 3 (name),
 * because Tor rejects plain addresses under `SafeSocks` and otherwise warns about them. The port means nothing.
 */
const RESOLVE = 0xf0;
const NAME = 3;
const ADDRESS = '127.0.0.1';
const ADDRESS_BYTES = [127, 0, 0, 1] as const;
const PORT_BYTES = [0, 1] as const;
const RESOLVE_REQUEST = Buffer.concat([
  Uint8Array.of(VERSION, RESOLVE, 0, NAME, ADDRESS.length),
  Buffer.from(ADDRESS),
  Uint8Array.from(PORT_BYTES),
]);

/** Bytes of the proxy that an error quotes. */
const QUOTED_BYTES = 12;

/**
 * Asks a SOCKS5 proxy on this machine to resolve an IP address.
 *
 * @param username name to authenticate with; undefined to go without authentication
 * @param signal destroys the connection; its reason is thrown
 * @throws Dns4torError ERR_TOR_UNREACHABLE nothing accepts connections; ERR_TOR_FOREIGN another user's program
 *   accepted, and got no byte; ERR_TOR_NOT_SOCKS it does not follow the protocol, or rejects the authentication
 */
export async function probeResolve(
  address: TorAddress,
  judgePeer: JudgePeer,
  username: string | undefined,
  signal: AbortSignal,
): Promise<ResolveProbe> {
  signal.throwIfAborted();
  const where = formatTorAddress(address);
  const socket = connectTo(address);
  const abort = (): void => void socket.destroy(signal.reason);
  signal.addEventListener('abort', abort);
  const reader = new ReplyReader(socket);
  try {
    await reader.connected;
    const standing = await judgeWhileOpen(judgePeer, address, socket);
    const reaction = await exchange(socket, reader, username);
    return { standing, reaction, received: reader.received };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Dns4torError) throw error;
    if (reader.isConnected)
      throw new Dns4torError('ERR_TOR_NOT_SOCKS', `${where} (reply: ${reader.received || 'none'})`);
    const { code } = error as NodeJS.ErrnoException;
    throw new Dns4torError('ERR_TOR_UNREACHABLE', `${where} (${code})`, error);
  } finally {
    signal.removeEventListener('abort', abort);
    socket.destroy();
  }
}

/** @throws Error the proxy left the protocol or hung up early */
async function exchange(socket: Socket, reader: ReplyReader, username: string | undefined): Promise<ResolveReaction> {
  const method = username === undefined ? NO_AUTHENTICATION : USERNAME_PASSWORD;
  socket.write(Uint8Array.of(VERSION, 1, method));
  await reader.expect([VERSION, method]);
  if (username !== undefined) {
    const name = Buffer.from(username);
    // RFC 1929 §2: the password is not empty.
    socket.write(Uint8Array.of(CREDENTIALS_VERSION, name.length, ...name, 1, 0x70));
    await reader.expect([CREDENTIALS_VERSION, CREDENTIALS_ACCEPTED]);
  }
  socket.write(RESOLVE_REQUEST);
  const first = await reader.read(1).catch(() => undefined);
  if (first === undefined) return 'closed';
  const [reply] = await reader.read(1);
  if (first[0] === VERSION && reply === COMMAND_NOT_SUPPORTED) return 'refused';
  if (first[0] !== VERSION || reply !== SUCCEEDED) throw new Error('neither an answer nor a refusal');
  await reader.expect([0, IPV4, ...ADDRESS_BYTES]);
  const port = await reader.read(PORT_BYTES.length);
  if (port.every((byte) => byte === 0)) return 'answered';
  if (port.every((byte, index) => byte === PORT_BYTES[index])) return 'echoed';
  throw new Error('unexpected port');
}

/** Reads what a proxy sends. All errors of the socket reject the current or next read. */
class ReplyReader {
  /** Resolves once the connection is open. */
  readonly connected: Promise<void>;
  isConnected = false;
  readonly #ended: Promise<never>;
  #received = Buffer.alloc(0);
  #position = 0;
  #arrival = Promise.withResolvers<void>();

  constructor(socket: Socket) {
    const ended = Promise.withResolvers<never>();
    this.#ended = ended.promise;
    // Handled where it is raced.
    this.#ended.catch(() => {});
    const connected = Promise.withResolvers<void>();
    this.connected = Promise.race([connected.promise, this.#ended]);
    socket.on('connect', () => {
      this.isConnected = true;
      connected.resolve();
    });
    socket.on('error', ended.reject);
    socket.on('close', () => ended.reject(new Error('closed')));
    socket.on('data', (chunk) => {
      // An answer has a few bytes. Whatever floods us is not Tor, and the reads below reject it.
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#arrival.resolve();
    });
  }

  /** Bytes received so far, in hexadecimal, cut to a few. */
  get received(): string {
    return this.#received.toString('hex', 0, QUOTED_BYTES);
  }

  /** @throws Error the connection ended before that many bytes came */
  async read(bytes: number): Promise<Uint8Array> {
    while (this.#received.length < this.#position + bytes) {
      this.#arrival = Promise.withResolvers();
      await Promise.race([this.#arrival.promise, this.#ended]);
    }
    const start = this.#position;
    this.#position += bytes;
    return this.#received.subarray(start, this.#position);
  }

  /** @throws Error other bytes came, or the connection ended */
  async expect(bytes: readonly number[]): Promise<void> {
    for (const byte of bytes) {
      if ((await this.read(1))[0] !== byte) throw new Error('unexpected reply');
    }
  }
}
