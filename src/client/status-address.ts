import type { MetricsAddress } from '../config/config.ts';
import { expandAddresses } from '../daemon/expand-addresses.ts';
import type { StatusAddress } from './status-feed.ts';

/** The port in the systemd units. The default of `proxy-dns`, any free port, cannot be guessed. */
const USUAL_PORT = 9053;

/** Where a dns4tor with this `--metrics` serves its status. */
export function statusAddress(metrics: MetricsAddress): StatusAddress {
  if (metrics.kind === 'unix') return { path: metrics.path };
  const [address = metrics.host] = expandAddresses([metrics.host]);
  return { address, port: metrics.port === 0 ? USUAL_PORT : metrics.port };
}
