import { isLoopback } from '../../lib/ip-address.ts';
import type { ControlChoice, SocksChoice } from '../config.ts';
import { type Parsed, refuse } from '../config-problem.ts';
import { parseHostPort, parseSocketPath, withOtherForms } from './endpoint.ts';

/** Parses `--tor-socks`: `auto`, `managed`, `unix:/path` or `host:port`. */
export function parseSocksAddress(text: string): Parsed<SocksChoice> {
  if (text === 'auto' || text === 'managed') return { value: { kind: text } };
  if (text.startsWith('unix:')) return parseSocketPath(text, 'unix:/run/tor/socks');
  if (text.includes('://')) {
    return refuse(text, 'is a URL', "give only the proxy's host:port, such as 127.0.0.1:9050");
  }
  const parsed = parseHostPort(text);
  if ('problem' in parsed) return withOtherForms(parsed, 'unix:/path, auto and managed');
  if (parsed.value.port === 0) {
    return refuse(text, 'has no port', 'Tor usually listens on 9050, Tor Browser on 9150');
  }
  return { value: { kind: 'tcp', ...parsed.value } };
}

/** Parses `--tor-control`: `auto`, `none`, `unix:/path` or `host:port`. */
export function parseControlAddress(text: string): Parsed<ControlChoice> {
  if (text === 'auto' || text === 'none') return { value: { kind: text } };
  if (text.startsWith('unix:')) return parseSocketPath(text, 'unix:/run/tor/control');
  const parsed = parseHostPort(text);
  if ('problem' in parsed) return withOtherForms(parsed, 'unix:/path, auto and none');
  const { host, port } = parsed.value;
  if (port === 0) return refuse(text, 'has no port', 'the usual control port is 9051, or 9151 for Tor Browser');
  // The cookie that authenticates dns4tor is a local file, and the connection is not encrypted.
  if (!isLoopback(host)) return refuse(text, 'is on another machine', 'name the control port of a Tor on this machine');
  return { value: { kind: 'tcp', ...parsed.value } };
}
