import { isIP } from 'node:net';
import { isAbsolute } from 'node:path';
import { lacksZone, ZONE } from '../../lib/ip-address.ts';
import type { ControlSocket, MetricsAddress, UnixSocket } from '../config.ts';
import { type Parsed, type Problem, refuse } from '../config-problem.ts';

/** The only name that may stand for an address of this machine: it needs no look-up. */
const LOCALHOST = 'localhost';

/** unix(7): sun_path holds 108 bytes, including the final zero. */
const MAX_SOCKET_PATH_BYTES = 107;

/**
 * Parses `host:port`, `[v6]:port` or `host:`, which means port 0. The host is an IP address or `localhost`.
 *
 * `net.SocketAddress.parse` does not fit. It drops port 80, reads `010.0.0.1` as 8.0.0.1, and ignores a user name or
 * path. It also refuses `localhost` and IPv6 zones.
 */
export function parseHostPort(text: string): Parsed<{ readonly host: string; readonly port: number }> {
  const colon = text.lastIndexOf(':');
  const portText = text.slice(colon + 1);
  if (colon === -1 || text.endsWith(']')) return refuse(text, 'has no port', 'write host:port, such as 127.0.0.1:9090');
  const host = toLocalHost(text.slice(0, colon));
  if (host === undefined) {
    return refuse(
      text,
      "does not begin with an IP address or 'localhost' and a colon",
      'write 127.0.0.1:9090, or an IPv6 address in [brackets]',
    );
  }
  if (lacksZone(host)) return refuseWithoutZone(text, `[${host}${ZONE}eth0]:${portText}`);
  const port = portText === '' ? 0 : Number(portText);
  if (!/^\d*$/.test(portText) || port > 65_535) return refuse(text, 'has no valid port', 'give 0 to 65535');
  return { value: { host, port } };
}

/** Parses an IP address to listen on, with or without brackets. Leaves `localhost` as it is. */
export function parseListenAddress(text: string): Parsed<string> {
  const address = unbracket(text);
  if (lacksZone(address)) return refuseWithoutZone(text, `${address}${ZONE}eth0`);
  if (address === LOCALHOST || isIP(address) !== 0) return { value: address };
  if (toLocalHost(text.slice(0, text.lastIndexOf(':'))) !== undefined) {
    return refuse(text, 'includes a port', 'give only the address, and the port with --port, --dot-port or --doh-port');
  }
  return refuse(text, "is neither an IP address nor 'localhost'");
}

/** Parses `unix:/path`, `host:port`, or `host:` for the usual port. */
export function parseMetricsAddress(text: string): Parsed<MetricsAddress> {
  if (text.startsWith('unix:')) return parseSocketPath(text, 'unix:/run/dns4tor/metrics');
  const parsed = parseHostPort(text);
  if ('problem' in parsed) return withOtherForms(parsed, 'unix:/path');
  const { host, port } = parsed.value;
  return { value: { kind: 'tcp', host, port: text.endsWith(':') ? undefined : port } };
}

/** Parses `--control-socket`: `auto`, `none` or `unix:/path`. */
export function parseControlSocket(text: string): Parsed<ControlSocket> {
  if (text === 'auto' || text === 'none') return { value: { kind: text } };
  if (text.startsWith('unix:')) return parseSocketPath(text, 'unix:/run/dns4tor/control');
  return refuse(text, 'is none of unix:/path, auto and none', 'write unix:/path, such as unix:/run/dns4tor/control');
}

/** Parses `unix:/path`. */
export function parseUnixSocket(text: string): Parsed<UnixSocket> {
  const example = 'unix:/run/dns4tor/doh';
  if (text.startsWith('unix:')) return parseSocketPath(text, example);
  return refuse(text, 'is not of the form unix:/path', `write unix:/path, such as ${example}`);
}

/** The path of a URL: segments of `pchar` (RFC 3986 §3.3), already percent-encoded. */
const HTTP_PATH = /^(?:\/(?:[\w.~!$&'()*+,;=:@-]|%[\da-f]{2})*)+$/i;

/** A segment that clients remove before they send a request (RFC 3986 §5.2.4; `%2e` by the URL standard §4.4). */
const DOT_SEGMENT = /\/(?:\.|%2e){1,2}(?:\/|$)/i;

/** Parses the path of a URL. */
export function parseHttpPath(text: string): Parsed<string> {
  if (DOT_SEGMENT.test(text)) return refuse(text, 'has a segment . or .., which clients leave out', 'remove it');
  if (HTTP_PATH.test(text)) return { value: text };
  return refuse(text, 'is not the path of a URL', 'write it with a slash in front and nothing after it: /dns-query');
}

/** Parses `unix:/path`. @param example an address of this form for the remedy */
export function parseSocketPath(text: string, example: string): Parsed<UnixSocket> {
  const path = text.slice('unix:'.length);
  if (!isAbsolute(path)) return refuse(text, 'has no absolute path', `write unix:/path, such as ${example}`);
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
    return refuse(text, 'is too long for a socket', `choose a path of at most ${MAX_SOCKET_PATH_BYTES} bytes`);
  }
  return { value: { kind: 'unix', path } };
}

/** Adds to a refused `host:port` the other forms that the option takes. */
export function withOtherForms({ problem, remedy = '' }: Problem, forms: string): Problem {
  return { problem, remedy: `${remedy}; the option also takes ${forms}` };
}

/** @param example the same address with an interface */
function refuseWithoutZone(text: string, example: string): Problem {
  return refuse(
    text,
    'is a link-local address without its network interface',
    `write ${example}, with the interface that has the address (see: ip -6 addr)`,
  );
}

/** Returns the host without brackets if it needs no look-up. An IPv6 address must have brackets. */
function toLocalHost(host: string): string | undefined {
  if (host === LOCALHOST || isIP(host) === 4) return host;
  return host.startsWith('[') && isIP(unbracket(host)) === 6 ? unbracket(host) : undefined;
}

/** Removes the brackets around an IPv6 address. */
export function unbracket(host: string): string {
  return /^\[(.*)\]$/.exec(host)?.[1] ?? host;
}
