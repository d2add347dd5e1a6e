import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { SocksClient } from 'socks';

/** Address of a SOCKS server. */
export interface SocksEndpoint {
  readonly host: string;
  readonly port: number;
}

/**
 * Opens an HTTP/2 connection to an HTTPS origin through SOCKS. Resolves when the TLS handshake is complete.
 * @param signal abandons the attempt
 * @throws the error of the socket, or an AbortError
 */
export async function openHttp2(socks: SocksEndpoint, origin: URL, signal: AbortSignal): Promise<ClientHttp2Session> {
  signal.throwIfAborted();
  const raw = connectTcp({ host: socks.host, port: socks.port, noDelay: true });
  const abandon = (): void => void raw.destroy();
  signal.addEventListener('abort', abandon);
  try {
    await once(raw, 'connect');
    await SocksClient.createConnection({
      command: 'connect',
      proxy: { host: socks.host, port: socks.port, type: 5, userId: 'racing', password: 'client' },
      destination: { host: origin.hostname, port: Number(origin.port || 443) },
      existing_socket: raw,
    });
    const socket = connectTls({ socket: raw, servername: origin.hostname, ALPNProtocols: ['h2'] });
    socket.on('error', () => {});
    await once(socket, 'secureConnect', { signal });
    const session = connectHttp2(origin, { createConnection: () => socket, settings: { enablePush: false } });
    session.on('error', () => {});
    return session;
  } catch (error) {
    raw.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', abandon);
  }
}
