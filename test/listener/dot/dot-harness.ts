import { createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { DotListener } from '../../../src/listener/dot/dot-listener.ts';
import type { TcpLimits } from '../../../src/listener/listener.ts';
import { type CertificateAndKey, ServerIdentity } from '../../../src/listener/tls/server-identity.ts';
import type { Handler } from '../../../src/model/query.ts';
import type { CertificateAuthority, ServerCertificate } from '../../fixtures/certificates.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { LIMITS, PATIENCE_MS, type Parts, parts, TcpClient } from '../harness.ts';

/** The name in the server's certificate. */
export const HOST = 'dns.test';

/** What the listener presents, read from the files of an issued certificate. */
export async function materialOf({ certificatePath, keyPath }: ServerCertificate): Promise<CertificateAndKey> {
  const [certificate, key] = await Promise.all([readFile(certificatePath, 'utf8'), readFile(keyPath)]);
  return { certificate, key: createPrivateKey(key) };
}

/** A listener for DoT on 127.0.0.1 with a manual clock. */
export interface DotService extends AsyncDisposable {
  readonly parts: Parts;
  readonly listener: DotListener;
  readonly identity: ServerIdentity;
  /** Opens a TCP connection without TLS. */
  connectTcp(from?: string): Promise<TcpClient>;
  /**
   * Opens a connection, verifies the certificate, and resolves when the client's handshake is done.
   * @param from the client's address
   */
  connect(options?: ConnectionOptions, from?: string): Promise<DotClient>;
  /** Number of open connections. */
  open(): number;
}

/** A client over TLS. */
export interface DotClient extends TcpClient {
  readonly socket: TLSSocket;
  /** The connection below TLS. */
  readonly raw: Socket;
}

interface DotServiceOptions {
  readonly limits?: Partial<TcpLimits>;
  readonly groupOf?: (client: string) => string;
}

export async function startDot(
  authority: CertificateAuthority,
  handler: Handler,
  { limits, groupOf }: DotServiceOptions = {},
): Promise<DotService> {
  const components = { ...parts(handler), limits: { ...LIMITS, ...limits }, ...(groupOf && { groupOf }) };
  const ca = await readFile(authority.certificatePath);
  const identity = new ServerIdentity(await materialOf(await authority.issue([HOST])), components.clock);
  await using stack = new AsyncDisposableStack();
  const listener = stack.use(await DotListener.open(components, identity, { address: '127.0.0.1', port: 0 }));
  const owned = stack.move();
  const { port } = listener;
  return {
    parts: components,
    listener,
    identity,
    connectTcp: async (from) => owned.use(await TcpClient.connect(port, '127.0.0.1', from)),
    async connect(options = {}, from = '127.0.0.1') {
      const raw = connect({ port, host: '127.0.0.1', localAddress: from, allowHalfOpen: true });
      const socket = connectTls({ socket: raw, servername: HOST, ca, ...options });
      await once(socket, 'secureConnect');
      return owned.use(Object.assign(TcpClient.over(socket), { socket, raw }));
    },
    open() {
      const [opened, closed] = components.metrics.totals.tcpConnections.entries().map(({ count }) => count);
      return (opened ?? 0) - (closed ?? 0);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Resolves when the listener has this many connections. */
export async function untilOpen(service: DotService, count: number): Promise<void> {
  await waitUntil(`${count} connections are open`, PATIENCE_MS, () => service.open() === count);
}
