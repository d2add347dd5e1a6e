import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { test } from 'node:test';
import { buildQuery } from '../fixtures/dns/messages.ts';
import { waitUntil } from '../fixtures/wait-until.ts';
import { PATIENCE_MS, TcpClient } from '../listener/harness.ts';

/*
 * Clients that send arbitrary bytes. They check no ID and never retransmit.
 */

export type Transport = 'udp' | 'tcp';
export const TRANSPORTS: readonly Transport[] = ['udp', 'tcp'];

export interface RawClient extends AsyncDisposable {
  /** Messages received so far, in order. */
  readonly messages: readonly Buffer[];
  send(...messages: readonly Uint8Array[]): void;
  /** Resolves when this many have been received in total. */
  received(count: number): Promise<readonly Buffer[]>;
}

/** The server's address, and the client's source address. */
export interface Endpoint {
  readonly port: number;
  /** @default 127.0.0.1 */
  readonly address?: string;
  /** @default chosen by the kernel */
  readonly from?: string;
}

/** A UDP client on a connected socket, which receives only from the queried address and port. */
class UdpClient implements RawClient {
  readonly messages: Buffer[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (message) => this.messages.push(message));
    // A closed port. The test that waits for the reply will fail.
    socket.on('error', () => {});
  }

  static async connect(port: number, address: string, from?: string): Promise<UdpClient> {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    const bound = once(socket, 'listening');
    socket.bind(from === undefined ? {} : { address: from });
    await bound;
    const connected = once(socket, 'connect');
    socket.connect(port, address);
    await connected;
    return new UdpClient(socket);
  }

  send(...messages: readonly Uint8Array[]): void {
    for (const message of messages) this.#socket.send(message);
  }

  async received(count: number): Promise<readonly Buffer[]> {
    await waitUntil(`${count} datagrams are received`, PATIENCE_MS, () => this.messages.length >= count);
    return this.messages;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }
}

export function connectRaw(
  transport: Transport,
  { port, address = '127.0.0.1', from }: Endpoint,
): Promise<RawClient & { readonly ended?: boolean }> {
  return transport === 'udp' ? UdpClient.connect(port, address, from) : TcpClient.connect(port, address, from);
}

/** Sends one message on its own socket and returns the one reply. */
export async function exchange(transport: Transport, endpoint: Endpoint, message: Uint8Array): Promise<Buffer> {
  await using client = await connectRaw(transport, endpoint);
  client.send(message);
  const [reply] = await client.received(1);
  if (reply === undefined) throw new Error('a received reply is missing');
  return reply;
}

/** A query that dns4tor answers locally. */
const GOOD_ID = 0x600d;
const GOOD_QUERY = buildQuery({ id: GOOD_ID, name: 'localhost' });

/**
 * Asserts that `message` gets no reply. Over UDP, a good query follows on the same socket, and only its reply arrives.
 * Over TCP, the connection ends without data, and another one is served.
 */
export async function assertSilence(transport: Transport, endpoint: Endpoint, message: Uint8Array): Promise<void> {
  if (transport === 'udp') {
    await using client = await connectRaw('udp', endpoint);
    client.send(message, GOOD_QUERY);
    const replies = await client.received(1);
    assert.deepEqual(
      replies.map((reply) => reply.readUInt16BE(0)),
      [GOOD_ID],
    );
    return;
  }
  await using client = await TcpClient.connect(endpoint.port, endpoint.address, endpoint.from);
  client.send(message);
  await client.end();
  assert.deepEqual(client.messages, []);
  assert.equal((await exchange('tcp', endpoint, GOOD_QUERY)).readUInt16BE(0), GOOD_ID);
}

/** Two tests of one behaviour, which must not depend on the transport. */
export function testOverBoth(name: string, run: (transport: Transport) => Promise<void>): void {
  for (const transport of TRANSPORTS) test(`${name} (${transport.toUpperCase()})`, () => run(transport));
}
