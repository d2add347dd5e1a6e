import { isLoopback } from '../../lib/loopback.ts';
import type { ControlChoice } from '../config.ts';
import { parseHostPort } from './endpoint.ts';
import { bad, type Parsed } from '../parsed.ts';
import { parseSocketPath } from './socks-address.ts';

/** `auto`, `none`, `unix:/path` or `host:port`. */
export function parseControlAddress(text: string): Parsed<ControlChoice> {
  if (text === 'auto' || text === 'none') return { value: { kind: text } };
  if (text.startsWith('unix:')) return parseSocketPath(text, 'unix:/run/tor/control');
  const parsed = parseHostPort(text);
  if ('problem' in parsed) return { problem: `${parsed.problem}; the other forms are unix:/path, auto and none` };
  const { host, port } = parsed.value;
  if (port === 0) return bad(text, 'has no port; control ports usually are 9051, and 9151 for Tor Browser');
  // What authenticates us is a file on the tor's own machine, and what is said on the connection is not encrypted.
  if (!isLoopback(host)) return bad(text, 'is on another machine; only a Tor on this one can be followed');
  return { value: { kind: 'tcp', host, port } };
}
