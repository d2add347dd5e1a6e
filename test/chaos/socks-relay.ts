import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A relay to a SOCKS socket that can drop all its connections. */
export interface SocksRelay extends AsyncDisposable {
  /** Port of 127.0.0.1. */
  readonly port: number;
  /** Resets all open connections and returns their number. New ones work. */
  drop(): number;
}

/** @param path of the unix socket to which it connects */
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
