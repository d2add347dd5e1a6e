import { isOnionHost, onionAddressProblem } from '../lib/onion-address.ts';
import { unbracket } from './host-port.ts';
import { bad, type Parsed } from './parsed.ts';

/** A resolver's address, taken apart. The host is an onion, a name that Tor's exit looks up, or an IP address. */
export interface UpstreamUrl {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

const HTTPS_PORT = 443;

/** Takes only https URLs that say where to POST and no more. */
export function parseUpstreamUrl(text: string): Parsed<UpstreamUrl> {
  const url = URL.parse(text);
  // `dns.example/dns-query` is no URL to the parser, and `dns.example:443/dns-query` one with a strange scheme.
  if (url === null || !text.includes('://')) {
    return bad(text, 'is not a URL; write it whole, such as https://resolver.example/dns-query');
  }
  if (url.protocol !== 'https:') {
    return bad(text, 'does not begin with https://; DNS over HTTPS is all that dns4tor speaks, to onions too');
  }
  if (url.username !== '' || url.password !== '') {
    return bad(
      withoutCredentials(url),
      'holds a user name or password, which DNS over HTTPS has no use for; leave them out',
    );
  }
  if (url.hash !== '') return bad(text, `holds a fragment, which is never sent; leave out '${url.hash}'`);
  // RFC 8484 §4.1: a POST carries the query in its body, so that the template's variable is not used.
  const extra = text.search(/[?{]/);
  if (extra !== -1) {
    return bad(
      text,
      `holds a query string, which the POST requests of dns4tor have no use for; leave out '${text.slice(extra)}'`,
    );
  }
  const host = unbracket(url.hostname);
  const problem = isOnionHost(host) ? onionAddressProblem(host) : undefined;
  if (problem !== undefined) return bad(text, problem);
  if (url.port === '0') return bad(text, 'has port 0, which nothing can listen on');
  return { value: { url: url.href, host, port: url.port === '' ? HTTPS_PORT : Number(url.port), path: url.pathname } };
}

/** Problems are printed and logged; passwords must not be. */
function withoutCredentials(url: URL): string {
  const shown = new URL(url);
  shown.username = '';
  shown.password = '';
  return shown.href;
}
