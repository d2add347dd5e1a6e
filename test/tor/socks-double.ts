import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { TorAddress } from '../../src/model/tor-address.ts';

export interface SocksDoubleOptions {
  /** Reaction to the request: a reply byte, other bytes to write, closing the connection, or silence. @default 0 */
  readonly reply?: number | Uint8Array | 'hang up' | 'silence';
  /** Authentication method to select. @default 2, user name and password, as Tor does */
  readonly method?: number;
  /** Where a granted stream leads: a port of 127.0.0.1, or a socket that the function opens first. @default an echo */
  readonly target?: { readonly port: number } | ((request: SocksRequest) => Promise<Socket>);
  /** Joins the client with the granted stream. @default by pipes */
  readonly join?: (client: Socket, stream: Socket) => void;
  /** Sends its replies byte by byte. @default false */
  readonly byByte?: boolean;
  /** Answers the probe of `verifyTor` as Tor does. @default false */
  readonly passesForTor?: boolean;
  /** Serves clients that offer only "no authentication" or only credentials, whatever `method` is. @default false */
  readonly skipsCredentials?: boolean;
  /**
   * Takes part in the probe of `verifyTor` as arti does: it accepts all credentials, but hangs up at a request with a
   * reserved user name of an unknown format. `resolves` answers RESOLVE for an IP address with the port of the
   * request, as arti does since 1.1.1; `refuses RESOLVE` rejects the command. @default undefined
   */
  readonly arti?: 'resolves' | 'refuses RESOLVE';
  /** Listens on this unix socket. @default a port of 127.0.0.1 */
  readonly path?: string;
  /** TCP port. @default a free one */
  readonly port?: number;
}

export interface SocksRequest {
  readonly username: string;
  readonly password: string;
  readonly command: number;
  /** 1 for IPv4, 3 for a name, 4 for IPv6. */
  readonly addressType: number;
  readonly host: string;
  readonly port: number;
}

/** A SOCKS5 proxy on a real socket whose replies a test controls, unlike those of a real Tor. */
export interface SocksDouble extends AsyncDisposable {
  readonly address: TorAddress;
  readonly requests: readonly SocksRequest[];
  /** Resolves with the next request. */
  nextRequest(): Promise<SocksRequest>;
  /** Resolves once no client is connected. */
  deserted(): Promise<void>;
  /** Stops all traffic without closing anything, like a stopped Tor (SIGSTOP), until {@link SocksDouble.resume}. */
  stall(): void;
  resume(): void;
}

/** Tor's own command RESOLVE (socks-extensions.txt §2), and its reply for 127.0.0.1, up to the port. */
const RESOLVE = 0xf0;
const RESOLVED = [5, 0, 0, 1, 127, 0, 0, 1] as const;
const COMMAND_NOT_SUPPORTED = Uint8Array.of(5, 7, 0, 1, 0, 0, 0, 0, 0, 0);

/** User names that socks-extensions.txt §1.1 reserves, without those of a known format. */
const UNKNOWN_FORMAT = /^<torS0X>(?!0$)/;

export async function startSocksDouble(options: SocksDoubleOptions = {}): Promise<SocksDouble> {
  const {
    reply = 0,
    method = 2,
    target,
    join,
    byByte = false,
    passesForTor = false,
    arti,
    skipsCredentials = false,
  } = options;
  const requests: SocksRequest[] = [];
  const clients = new Set<Socket>();
  const streams = new Set<Socket>();
  let stalled = Promise.withResolvers<void>();
  stalled.resolve();
  let announce = Promise.withResolvers<SocksRequest>();

  const serve = async (client: Socket): Promise<void> => {
    const write = async (bytes: Uint8Array): Promise<void> => {
      for (const part of byByte ? [...bytes].map((byte) => Uint8Array.of(byte)) : [bytes]) {
        client.write(part);
        // The kernel would merge several writes in one turn of the event loop into one chunk.
        if (byByte) await new Promise(setImmediate);
      }
    };
    await stalled.promise;
    const request = await readRequest(client, method, passesForTor || skipsCredentials || arti !== undefined, write);
    if (passesForTor && request.command === RESOLVE) return write(Uint8Array.of(...RESOLVED, 0, 0));
    if (arti !== undefined && UNKNOWN_FORMAT.test(request.username)) return void client.end();
    if (arti !== undefined && request.command === RESOLVE) {
      const { port } = request;
      const answer = Uint8Array.of(...RESOLVED, port >> 8, port & 0xff);
      return void client.end(arti === 'resolves' ? answer : COMMAND_NOT_SUPPORTED);
    }
    requests.push(request);
    announce.resolve(request);
    announce = Promise.withResolvers();
    if (reply === 'silence') return;
    if (reply === 'hang up') return void client.end();
    const opened = typeof target === 'function' ? await target(request) : undefined;
    client.on('close', () => opened?.destroy());
    if (client.destroyed) return void opened?.destroy();
    await write(typeof reply === 'number' ? Uint8Array.of(5, reply, 0, 1, 0, 0, 0, 0, 0, 0) : reply);
    if (reply !== 0) return void client.end();
    const stream = opened ?? (typeof target === 'object' ? connect(target.port, '127.0.0.1') : client);
    stream.on('error', () => client.destroy());
    client.on('close', () => stream.destroy());
    for (const end of [client, stream]) {
      streams.add(end);
      end.on('close', () => streams.delete(end));
    }
    if (join !== undefined) return join(client, stream);
    client.pipe(stream);
    if (stream !== client) stream.pipe(client);
  };

  const server = createServer({ noDelay: true }, (client) => {
    clients.add(client);
    client.on('close', () => clients.delete(client));
    client.on('error', () => {});
    serve(client).catch(() => client.destroy());
  });
  if (options.path === undefined) server.listen(options.port ?? 0, '127.0.0.1');
  else server.listen(options.path);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    address:
      options.path === undefined ? { kind: 'tcp', host: '127.0.0.1', port } : { kind: 'unix', path: options.path },
    requests,
    nextRequest: () => announce.promise,
    async deserted() {
      for (const client of clients) await once(client, 'close');
    },
    stall() {
      stalled = Promise.withResolvers();
      for (const stream of streams) stream.pause();
    },
    resume() {
      stalled.resolve();
      for (const stream of streams) stream.resume();
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** RFC 1928 §3, RFC 1929 §2 and RFC 1928 §4, from the proxy's side. */
async function readRequest(
  client: Socket,
  method: number,
  maySkipCredentials: boolean,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<SocksRequest> {
  const [, methods = 0] = await readBytes(client, 2);
  const offered = await readBytes(client, methods);
  const chosen = maySkipCredentials && !offered.includes(method) ? 0 : method;
  await write(Uint8Array.of(5, chosen));
  let username = '';
  let password = '';
  if (chosen === 2) {
    const [, usernameLength = 0] = await readBytes(client, 2);
    username = (await readBytes(client, usernameLength)).toString();
    const [passwordLength = 0] = await readBytes(client, 1);
    password = (await readBytes(client, passwordLength)).toString();
    await write(Uint8Array.of(1, 0));
  }
  const [, command = 0, , addressType = 0] = await readBytes(client, 4);
  let host: string;
  if (addressType === 3) {
    const [length = 0] = await readBytes(client, 1);
    host = (await readBytes(client, length)).toString();
  } else {
    host = (await readBytes(client, addressType === 1 ? 4 : 16)).toString('hex');
  }
  const port = (await readBytes(client, 2)).readUInt16BE();
  return { username, password, command, addressType, host, port };
}

async function readBytes(socket: Socket, length: number): Promise<Buffer> {
  if (length === 0) return Buffer.alloc(0);
  for (;;) {
    const bytes = socket.read(length) as Buffer | null;
    if (bytes !== null) return bytes;
    if (!socket.readable) throw new Error('the client hung up');
    await once(socket, 'readable');
  }
}
