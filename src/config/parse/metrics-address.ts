import type { MetricsAddress } from '../config.ts';
import { parseHostPort } from './endpoint.ts';
import type { Parsed } from '../parsed.ts';
import { parseSocketPath } from './socks-address.ts';

/** `unix:/path`, `host:port`, or `host:` for any free port. */
export function parseMetricsAddress(text: string): Parsed<MetricsAddress> {
  if (text.startsWith('unix:')) return parseSocketPath(text, 'unix:/run/dns4tor/metrics');
  const parsed = parseHostPort(text);
  if ('problem' in parsed) return { problem: `${parsed.problem}; for a unix socket, write unix:/path` };
  return { value: { kind: 'tcp', ...parsed.value } };
}
