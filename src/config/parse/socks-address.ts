import { isAbsolute } from 'node:path';
import type { SocksChoice } from '../config.ts';
import { parseHostPort } from './endpoint.ts';
import { bad, type Parsed } from '../parsed.ts';

/** unix(7): sun_path holds 108 bytes, its closing zero included. */
const MAX_SOCKET_PATH_BYTES = 107;

/** `auto`, `managed`, `unix:/path` or `host:port`. */
export function parseSocksAddress(text: string): Parsed<SocksChoice> {
  if (text === 'auto' || text === 'managed') return { value: { kind: text } };
  if (text.startsWith('unix:')) return parseSocketPath(text, 'unix:/run/tor/socks');
  if (text.includes('://')) {
    return bad(text, "is a URL; write the proxy's host:port alone, such as 127.0.0.1:9050");
  }
  const parsed = parseHostPort(text);
  if ('problem' in parsed) {
    return { problem: `${parsed.problem}; the other forms are unix:/path, auto and managed` };
  }
  if (parsed.value.port === 0) return bad(text, 'has no port; Tor usually listens on 9050, Tor Browser on 9150');
  return { value: { kind: 'tcp', ...parsed.value } };
}

/** @param example what such an address looks like */
export function parseSocketPath(
  text: string,
  example: string,
): Parsed<{ readonly kind: 'unix'; readonly path: string }> {
  const path = text.slice('unix:'.length);
  if (!isAbsolute(path)) return bad(text, `has no absolute path; write unix:/path, such as ${example}`);
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
    return bad(text, `is too long for a socket; paths of sockets end at ${MAX_SOCKET_PATH_BYTES} bytes`);
  }
  return { value: { kind: 'unix', path } };
}
