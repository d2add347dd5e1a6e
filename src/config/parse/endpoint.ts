import { isIP } from 'node:net';
import { lacksZone, ZONE } from '../../lib/link-local.ts';
import type { HostPort } from '../config.ts';
import { bad, type Parsed } from '../parsed.ts';

/** The only name that may stand for an address of this machine, as it needs no look-up. */
const LOCALHOST = 'localhost';

/** `host:port`, `[v6]:port` or `host:`, which leaves the port open. The host is an IP address or localhost. */
export function parseHostPort(text: string): Parsed<HostPort> {
  const colon = text.lastIndexOf(':');
  const rest = text.slice(colon + 1);
  if (colon === -1 || text.endsWith(']')) return bad(text, 'has no port; write host:port, such as 127.0.0.1:9090');
  const host = localHost(text.slice(0, colon));
  if (host === undefined) {
    return bad(
      text,
      "does not begin with an IP address or 'localhost' and a colon; IPv6 addresses stand in [brackets]",
    );
  }
  if (lacksZone(host)) return bad(text, zoneProblem(`[${host}${ZONE}eth0]:${rest}`));
  const port = rest === '' ? 0 : Number(rest);
  if (!/^\d*$/.test(rest) || port > 65_535) return bad(text, 'has no valid port; it may be 0 to 65535');
  return { value: { host, port } };
}

/** An IP address to listen on, in brackets or without, or localhost as it is. */
export function parseListenAddress(text: string): Parsed<string> {
  const unbracketed = unbracket(text);
  if (lacksZone(unbracketed)) return bad(text, zoneProblem(`${unbracketed}${ZONE}eth0`));
  if (unbracketed === LOCALHOST || isIP(unbracketed) !== 0) return { value: unbracketed };
  if (localHost(text.slice(0, text.lastIndexOf(':'))) !== undefined) {
    return bad(text, 'holds a port; give the address alone here, and the port to --port');
  }
  return bad(text, "is not an IP address or 'localhost'");
}

/** @param example the same address with an interface */
function zoneProblem(example: string): string {
  return `is a link-local address without its network interface; write ${example}, with the interface that has the address (see: ip -6 addr)`;
}

/** The host without brackets, if it is one that needs no look-up; an IPv6 address must have had them. */
function localHost(host: string): string | undefined {
  if (host === LOCALHOST || isIP(host) === 4) return host;
  return host.startsWith('[') && isIP(unbracket(host)) === 6 ? unbracket(host) : undefined;
}

/** `[::1]` to `::1`; anything else as it is. */
export function unbracket(host: string): string {
  return /^\[(.*)\]$/.exec(host)?.[1] ?? host;
}
