import { once } from 'node:events';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { TorAddress } from '../../src/model/tor-address.ts';

export interface Listening extends AsyncDisposable {
  readonly port: number;
  /** The same address in the form of a SOCKS address. */
  readonly address: TorAddress;
}

/** Makes a server listen on a free port of 127.0.0.1. Disposing closes the server and its connections. */
export async function listen(server: Server): Promise<Listening> {
  const clients = new Set<Socket>();
  server.on('connection', (client: Socket) => {
    clients.add(client);
    client.on('close', () => clients.delete(client));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    address: { kind: 'tcp', host: '127.0.0.1', port },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
