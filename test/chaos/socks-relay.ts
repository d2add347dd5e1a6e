import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A way to a SOCKS socket on which every connection can be made to break at once. */
export interface SocksRelay extends AsyncDisposable {
  /** On 127.0.0.1. */
  readonly port: number;
  /** Resets all connections that are open; new ones go through. Returns how many there were. */
  drop(): number;
}

/** @param path of the unix socket that it leads to */
export async function startSocksRelay(path: string): Promise<SocksRelay> {
  const clients = new Set<Socket>();
  const server = createServer({ noDelay: true }, (client) => {
    const tor = connect(path);
    clients.add(client);
    client.on('error', () => {});
    client.on('close', () => {
      clients.delete(client);
      tor.destroy();
    });
    tor.on('error', () => {});
    tor.on('close', () => client.destroy());
    client.pipe(tor).pipe(client);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const drop = (): number => {
    const dropped = clients.size;
    for (const client of clients) client.resetAndDestroy();
    return dropped;
  };
  return {
    port: (server.address() as AddressInfo).port,
    drop,
    async [Symbol.asyncDispose]() {
      drop();
      server.close();
      await once(server, 'close');
    },
  };
}
