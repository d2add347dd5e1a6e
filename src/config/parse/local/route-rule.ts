import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import { lacksZone, ZONE } from '../../../lib/ip-address.ts';
import { toAsciiName } from '../../../model/names/host-name.ts';
import type { Route, RouteServer } from '../../../model/route.ts';
import { type Parsed, refuse } from '../../config-problem.ts';
import { parseCidr } from '../cidr.ts';
import { unbracket } from '../endpoint.ts';
import { reverseZones } from './reverse-zones.ts';

/** One `SUFFIX=ADDRESS[:PORT]`. Several of the same suffix are one {@link Route}. */
export interface RouteRule extends Omit<Route, 'servers'> {
  readonly server: RouteServer;
}

const DNS_PORT = 53;
/** RFC 1035 §2.3.4: 255 octets on the wire, which are 253 characters without the root's dot. */
const MAX_NAME_LENGTH = 253;
const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?';
const DOMAIN = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);

/**
 * Parses `SUFFIX=ADDRESS[:PORT]`. The suffix is a domain name of at least one label, or a network, which stands for its
 * reverse zones. An IPv6 address has brackets.
 */
export function parseRoute(text: string): Parsed<RouteRule> {
  const equals = text.indexOf('=');
  if (equals === -1) return refuse(text, 'names no server', 'write suffix=address, such as lan=192.168.1.1');
  const suffix = parseSuffix(text.slice(0, equals).trim());
  if ('problem' in suffix) return suffix;
  const server = parseServer(text.slice(equals + 1).trim());
  if ('problem' in server) return server;
  return { value: { ...suffix.value, server: server.value } };
}

function parseSuffix(text: string): Parsed<Omit<Route, 'servers'>> {
  if (text.includes('/') || isIP(text) !== 0) {
    const block = parseCidr(text);
    if ('problem' in block) return block;
    const zones = reverseZones(block.value);
    return 'problem' in zones ? zones : { value: { suffix: text.toLowerCase(), zones: zones.value } };
  }
  if (text === '' || text === '.') {
    return refuse(text, 'would route every name', 'name a suffix; all other names go through Tor');
  }
  const name = toAsciiName(text.replace(/\.$/, '').toLowerCase());
  if (name.length > MAX_NAME_LENGTH || !DOMAIN.test(name)) {
    return refuse(text, 'is neither a domain name nor a network', 'write a suffix such as lan, or 192.168.1.0/24');
  }
  const reserved = NEVER_ROUTED.get(name.slice(name.lastIndexOf('.') + 1));
  return reserved === undefined
    ? { value: { suffix: name, zones: [name] } }
    : refuse(text, reserved, 'remove the route');
}

/** Top-level domains whose names no DNS server may see, and why. */
const NEVER_ROUTED: ReadonlyMap<string, string> = new Map([
  ['onion', 'cannot be routed: names of onion services never leave this machine (RFC 7686)'],
  ['localhost', 'cannot be routed: it always means this machine (RFC 6761)'],
]);

function parseServer(text: string): Parsed<RouteServer> {
  if (isIPv6(text)) return refuse(text, 'is an IPv6 address without brackets', `write [${text}]`);
  const [, hostText = '', portText] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/s.exec(text) ?? [];
  const host = unbracket(hostText);
  if (!(isIPv4(hostText) || (hostText !== host && isIPv6(host)))) {
    return refuse(text, 'is not the IP address of a server', 'write 192.168.1.1, 192.168.1.1:5353 or [fd00::1]:5353');
  }
  if (lacksZone(host)) {
    return refuse(text, 'is a link-local address without its network interface', `write [${host}${ZONE}eth0]`);
  }
  const port = portText === undefined ? DNS_PORT : Number(portText);
  if (!(/^\d{1,5}$/.test(portText ?? '53') && port >= 1 && port <= 65_535)) {
    return refuse(text, 'has no valid port', 'give 1 to 65535');
  }
  if (isNoServer(host)) return refuse(text, 'cannot be the address of a server', 'give the address of the DNS server');
  return { value: { host: host.toLowerCase(), port } };
}

/** The unspecified address, multicast and broadcast, and IPv4 addresses written as IPv6 addresses. */
const NO_SERVERS = { ipv4: new BlockList(), ipv6: new BlockList() };
NO_SERVERS.ipv4.addSubnet('0.0.0.0', 8, 'ipv4');
NO_SERVERS.ipv4.addSubnet('224.0.0.0', 3, 'ipv4');
NO_SERVERS.ipv6.addAddress('::', 'ipv6');
NO_SERVERS.ipv6.addSubnet('ff00::', 8, 'ipv6');
NO_SERVERS.ipv6.addSubnet('::ffff:0:0', 96, 'ipv6');

function isNoServer(host: string): boolean {
  const [address = ''] = host.split(ZONE);
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  return NO_SERVERS[family].check(address, family);
}
