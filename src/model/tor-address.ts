import { formatHostPort } from '../lib/host-port.ts';

/** Address of a SOCKS or control port of Tor: on this machine or, for SOCKS only, on its network. */
export type TorAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/**
 * Formats an address as `--tor-socks` and `--tor-control` take it: `127.0.0.1:9050`, `[::1]:9050`,
 * `unix:/run/tor/socks`.
 */
export function formatTorAddress(address: TorAddress): string {
  return address.kind === 'unix' ? `unix:${address.path}` : formatHostPort(address.host, address.port);
}
