import { connect, type Socket } from 'node:net';
import { formatHostPort } from '../lib/host-port.ts';

/** Where one of a tor's ports listens, for SOCKS or for control: on this machine or, for SOCKS, its network. */
export type TorAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** The form that `--tor-socks` and `--tor-control` take: `127.0.0.1:9050`, `[::1]:9050`, `unix:/run/tor/socks`. */
export function formatTorAddress(address: TorAddress): string {
  return address.kind === 'unix' ? `unix:${address.path}` : formatHostPort(address.host, address.port);
}

/** Begins a connection; what becomes of it is told by the socket's events. */
export function connectTo(address: TorAddress): Socket {
  // Without noDelay, Nagle's algorithm holds a query back until the proxy has acknowledged the one before.
  return address.kind === 'unix'
    ? connect({ path: address.path })
    : connect({ host: address.host, port: address.port, noDelay: true });
}
