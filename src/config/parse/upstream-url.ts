import { isOnionHost, onionAddressProblem } from '../../model/onion-address.ts';
import type { UpstreamProtocol } from '../config.ts';
import { unbracket } from './endpoint.ts';
import { bad, type Parsed } from '../parsed.ts';

/** A resolver's address, taken apart. The host is an onion, a name that Tor's exit looks up, or an IP address. */
export interface UpstreamUrl {
  readonly protocol: UpstreamProtocol;
  /** In its shortest form. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
}

/** Where a URL names none (RFC 9110 §4.2.2, RFC 7858 §3.1, RFC 7766 §5). */
const DEFAULT_PORTS: Readonly<Record<UpstreamProtocol, number>> = { https: 443, tls: 853, tcp: 53 };

/** Takes only URLs that say whom to ask, and how, and no more. */
export function parseUpstreamUrl(text: string): Parsed<UpstreamUrl> {
  const url = URL.parse(text);
  // `dns.example/dns-query` is no URL to the parser, and `dns.example:443/dns-query` one with a strange scheme.
  if (url === null || !text.includes('://')) {
    return bad(
      text,
      'is not a URL; write it whole, such as https://resolver.example/dns-query or tls://resolver.example',
    );
  }
  const protocol = url.protocol.slice(0, -1);
  if (!isUpstreamProtocol(protocol)) {
    return bad(text, 'does not begin with https://, tls:// or tcp://; dns4tor speaks nothing else, to onions neither');
  }
  if (url.username !== '' || url.password !== '') {
    return bad(withoutCredentials(url), 'holds a user name or password, which DNS has no use for; leave them out');
  }
  if (url.hash !== '') return bad(text, `holds a fragment, which is never sent; leave out '${url.hash}'`);
  const hostname = hostnameOf(url);
  if (hostname === undefined) return bad(text, `names no host; write ${protocol}://resolver.example`);
  const superfluous = protocol === 'https' ? queryProblem(text) : pathProblem(url);
  if (superfluous !== undefined) return bad(text, superfluous);
  const host = unbracket(hostname);
  const problem = isOnionHost(host) ? onionAddressProblem(host) : undefined;
  if (problem !== undefined) return bad(text, problem);
  if (url.port === '0') return bad(text, 'has port 0, which nothing can listen on');
  const port = url.port === '' ? DEFAULT_PORTS[protocol] : Number(url.port);
  const authority = port === DEFAULT_PORTS[protocol] ? hostname : `${hostname}:${port}`;
  const path = protocol === 'https' ? url.pathname : '';
  return { value: { protocol, url: `${protocol}://${authority}${path}`, host, port } };
}

function isUpstreamProtocol(name: string): name is UpstreamProtocol {
  return Object.hasOwn(DEFAULT_PORTS, name);
}

/** RFC 8484 §4.1: a POST carries the query in its body, so that the template's variable is not used. */
function queryProblem(text: string): string | undefined {
  const start = text.search(/[?{]/);
  if (start === -1) return undefined;
  return `holds a query string, which the POST requests of dns4tor have no use for; leave out '${text.slice(start)}'`;
}

function pathProblem({ pathname, search }: URL): string | undefined {
  const superfluous = pathname === '/' && search === '' ? '' : pathname + search;
  if (superfluous === '') return undefined;
  return `holds a path or query string, which only https:// has a use for; leave out '${superfluous}'`;
}

/** As the parser writes hosts of the schemes that it knows: in small letters, IDNA in ASCII, IPv4 in decimal. Of others it leaves them be. */
function hostnameOf(url: URL): string | undefined {
  return url.hostname === '' ? undefined : URL.parse(`https://${url.hostname}`)?.hostname;
}

/** Problems are printed and logged; passwords must not be. */
function withoutCredentials(url: URL): string {
  const shown = new URL(url);
  shown.username = '';
  shown.password = '';
  return shown.href;
}
