import type { MetricsAddress } from '../config/config.ts';
import { expandAddresses } from '../daemon/expand-addresses.ts';
import { USUAL_METRICS_PORT } from '../model/usual-ports.ts';
import type { StatusAddress } from './status-feed.ts';

/**
 * Where a dns4tor with this `--metrics` serves its status. A free port that it chose cannot be guessed, so that means
 * the usual port.
 */
export function statusAddress(metrics: MetricsAddress): StatusAddress {
  if (metrics.kind === 'unix') return { path: metrics.path };
  const [address = metrics.host] = expandAddresses([metrics.host]);
  return { address, port: metrics.port || USUAL_METRICS_PORT };
}
