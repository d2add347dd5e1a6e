import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { TcpClient } from '../../listener/harness.ts';

/** Where DoT is served, and what to trust. */
export interface DotServer {
  /** @default 127.0.0.1 */
  readonly address?: string;
  readonly port: number;
  /** In PEM form. */
  readonly ca: string;
}

/**
 * Opens a connection over TLS and verifies the certificate for the server's address.
 * @param from the client's address
 */
export async function connectDot({ address = '127.0.0.1', port, ca }: DotServer, from?: string): Promise<TcpClient> {
  const local = from === undefined ? {} : { localAddress: from };
  const raw = connect({ host: address, port, allowHalfOpen: true, ...local });
  const socket = connectTls({ socket: raw, host: address, ca, ALPNProtocols: ['dot'] });
  await once(socket, 'secureConnect');
  return TcpClient.over(socket);
}
