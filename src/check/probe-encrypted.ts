import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { isOwnAddress, type Server, sourceFor } from '../client/exchange.ts';
import type { TlsConfig } from '../config/config.ts';
import { Dns4torError } from '../failures/errors.ts';
import type { Clock } from '../lib/clock.ts';
import { formatHostPort } from '../lib/host-port.ts';
import type { Random } from '../lib/random.ts';
import { DNS_MESSAGE } from '../message/media-type.ts';
import { frame, MessageReader } from '../message/wire/framing.ts';
import { MAX_MESSAGE_BYTES } from '../message/wire/header.ts';
import { encodeQuery, IDENTITY_QUESTION, isDns4tor, readReply } from './dns-client.ts';
import { LOCAL_TIMEOUT_MS } from './probe-local.ts';

/** How an encrypted listener is asked. */
export interface EncryptedEndpoint extends Server {
  /** Of the DoH resource. Undefined for DoT. */
  readonly path: string | undefined;
}

/**
 * What answers at an encrypted listener: nobody at all; a `stranger`, which does not present the configured
 * certificate; `another` program, which presents it; or dns4tor.
 */
export interface EncryptedFinding {
  readonly endpoint: EncryptedEndpoint;
  readonly who: 'dns4tor' | 'another' | 'stranger' | 'nobody';
  /** Why it is neither `dns4tor` nor `another`. */
  readonly error?: unknown;
}

interface ProbeComponents {
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Asks an encrypted listener of this machine a question that dns4tor answers locally, in any state of Tor. Trusts
 * exactly the configured certificate. Never rejects.
 */
export async function probeEncrypted(
  { clock, random }: ProbeComponents,
  endpoint: EncryptedEndpoint,
  tls: Pick<TlsConfig, 'certificate'>,
): Promise<EncryptedFinding> {
  const { address, port, path } = endpoint;
  if (!isOwnAddress(address)) {
    return { endpoint, who: 'nobody', error: new Dns4torError('ERR_LISTEN_ADDRESS', formatHostPort(address, port)) };
  }
  const carrier = connectTcp({ host: address, port, localAddress: sourceFor(address) });
  let isConnected = false;
  carrier.once('connect', () => (isConnected = true));
  const socket = openTls(carrier, endpoint, tls);
  // For a server that accepts the connection and then says nothing.
  const timer = clock.schedule(LOCAL_TIMEOUT_MS, () => socket.destroy(new Error('no reply')));
  let isVerified = false;
  socket.on('error', () => {});
  try {
    await once(socket, 'secureConnect');
    isVerified = true;
    const query = encodeQuery(random, IDENTITY_QUESTION);
    const reply = readReply(path === undefined ? await askDot(socket, query) : await askDoh(socket, query, endpoint));
    return { endpoint, who: isDns4tor(reply) ? 'dns4tor' : 'another' };
  } catch (error) {
    if (isVerified) return { endpoint, who: 'another', error };
    return { endpoint, who: isConnected ? 'stranger' : 'nobody', error };
  } finally {
    timer.cancel();
    socket.destroy();
  }
}

/** Begins TLS with a server that must present the configured certificate. */
function openTls(
  socket: Socket,
  { path }: EncryptedEndpoint,
  { certificate }: Pick<TlsConfig, 'certificate'>,
): TLSSocket {
  const own = new X509Certificate(certificate);
  return connect({
    socket,
    // The configured chain need not reach a root.
    ca: certificate,
    allowPartialTrustChain: true,
    ALPNProtocols: [path === undefined ? 'dot' : 'http/1.1'],
    rejectUnauthorized: true,
    // `tls-cert` judges the names: a client may know the server by any of them.
    checkServerIdentity: (_, { raw }) => (raw.equals(own.raw) ? undefined : new Error('it is another certificate')),
  });
}

async function askDot(socket: TLSSocket, query: Uint8Array): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const reader = new MessageReader();
  socket.on('error', reject);
  socket.on('close', () => reject(new Error('connection closed')));
  socket.on('data', (chunk) => {
    reader.push(chunk);
    const message = reader.next();
    if (message !== undefined) resolve(message);
  });
  socket.write(frame(query));
  return promise;
}

async function askDoh(
  socket: TLSSocket,
  query: Uint8Array,
  { address, port, path }: EncryptedEndpoint,
): Promise<Uint8Array> {
  const asking = request({
    createConnection: () => socket,
    method: 'POST',
    path,
    headers: {
      host: formatHostPort(address, port),
      'content-type': DNS_MESSAGE,
      'content-length': query.length,
      accept: DNS_MESSAGE,
      connection: 'close',
    },
  });
  asking.end(query);
  const [response] = await once(asking, 'response');
  if (response.statusCode !== 200) throw new Error(`HTTP status ${response.statusCode}`);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    chunks.push(chunk);
    bytes += chunk.length;
    // Another program may send any number.
    if (bytes > MAX_MESSAGE_BYTES) throw new Error('the reply is too long');
  }
  return Buffer.concat(chunks);
}
