import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { buffer } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { buildQuery, decodeReply } from '../../fixtures/dns/messages.ts';
import { framed } from '../../listener/harness.ts';
import { deframe } from '../clients.ts';
import { exchange } from '../raw-client.ts';
import type { EncryptedPorts } from './encrypted-lab.ts';

/*
 * Clients that ask one query on a connection of its own, as the programs of a machine do.
 */

/** Where honest clients ask. */
export interface Served {
  /** Of UDP. */
  readonly port: number;
  readonly ports: EncryptedPorts;
  readonly ca: string;
  /** The server's address. @default 127.0.0.1 */
  readonly address?: string;
  /** The client's address. @default chosen by the kernel */
  readonly from?: string;
}

/** Far longer than any answer takes: a client that waits this long has been starved. */
const PATIENCE_MS = 8000;

/** A name that only the cache or upstream can answer. */
const NAME = 'cached.dns4tor-lab.net';

export type HonestTransport = 'doh' | 'dot' | 'udp';
export const HONEST_TRANSPORTS: readonly HonestTransport[] = ['doh', 'dot', 'udp'];

/** The target of a GET request for a query (RFC 8484 §4.1). */
export function dohTarget(query: Uint8Array, path = '/dns-query'): string {
  return `${path}?dns=${Buffer.from(query).toString('base64url')}`;
}

/** Asks once. Resolves with the RCODE, or with what happened instead. */
export async function askHonestly(transport: HonestTransport, served: Served, name: string = NAME): Promise<string> {
  const patience = Promise.withResolvers<string>();
  const timer = setTimeout(() => patience.resolve('late'), PATIENCE_MS);
  try {
    return await Promise.race([ask(transport, served, buildQuery({ id: 0, name })), patience.promise]);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    clearTimeout(timer);
  }
}

async function ask(transport: HonestTransport, served: Served, query: Uint8Array): Promise<string> {
  const reply = await { doh: askDoh, dot: askDot, udp: askUdp }[transport](served, query);
  return reply.length === 0 ? 'nothing' : decodeReply(reply).rcode;
}

function askUdp({ port, address, from }: Served, query: Uint8Array): Promise<Buffer> {
  const endpoint = { port, ...(address === undefined ? {} : { address }), ...(from === undefined ? {} : { from }) };
  return exchange('udp', endpoint, query);
}

async function askDot({ ports, ca, address = '127.0.0.1', from }: Served, query: Uint8Array): Promise<Buffer> {
  const local = from === undefined ? {} : { localAddress: from };
  const socket = connectTls({ host: address, port: ports.dot, ca, ALPNProtocols: ['dot'], ...local });
  try {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    let received = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      const [reply] = deframe(received).messages;
      if (reply !== undefined) resolve(reply);
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('cut')));
    socket.write(framed(query));
    return await promise;
  } finally {
    socket.destroy();
  }
}

async function askDoh({ ports, ca, address = '127.0.0.1', from }: Served, query: Uint8Array): Promise<Buffer> {
  const local = from === undefined ? {} : { localAddress: from };
  const session = connectHttp2(`https://${address}:${ports.doh}`, { ca, ...local });
  const failed = new Promise<never>((_, reject) => {
    session.on('error', reject);
    session.on('close', () => reject(new Error('cut')));
  });
  failed.catch(() => {});
  try {
    const stream = session.request({ ':path': dohTarget(query), accept: 'application/dns-message' });
    stream.on('error', () => {});
    const [headers] = await Promise.race([once(stream, 'response'), failed]);
    const body = await Promise.race([buffer(stream), failed]);
    if (headers[':status'] !== 200) throw new Error(`status ${headers[':status']}`);
    return body;
  } finally {
    session.destroy();
  }
}
