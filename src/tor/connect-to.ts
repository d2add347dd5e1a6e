import { connect, type Socket } from 'node:net';
import type { TorAddress } from '../model/tor-address.ts';

/** Starts a connection. The socket's events report the outcome. */
export function connectTo(address: TorAddress): Socket {
  // Without noDelay, Nagle's algorithm holds a query back until the proxy has acknowledged the previous one.
  return address.kind === 'unix'
    ? connect({ path: address.path })
    : connect({ host: address.host, port: address.port, noDelay: true });
}
