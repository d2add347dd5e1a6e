import { isIP } from 'node:net';
import { isLoopback } from '../lib/ip-address.ts';

/**
 * RFC 3986 §3.2.2: an IPv6 address in brackets, a name or an IPv4 address, then an optional port. Clients should omit
 * the zone of a link-local address (RFC 6874), but Node sends it.
 */
const HOST = /^(?:\[([\da-f:.]+)(?:%[\w.~%-]+)?\]|([\w.~!$&'()*+,;=%-]*))(?::\d*)?$/i;

/** RFC 9112 §3.2.2. */
const ABSOLUTE_FORM = /^[a-z][\w+.-]*:\/\/([^/?#]*)/i;

/**
 * Headers that a browser sends, but neither Prometheus nor a health probe. A script in a web page can change the value
 * of `Accept-Language` (Fetch standard, "CORS-safelisted request-header"), but not leave it out.
 */
const OF_BROWSERS: ReadonlySet<string> = new Set(['accept-language', 'cookie', 'origin', 'referer', 'sec-fetch-site']);

/** The parts of a request that name its host. */
interface Addressed {
  readonly url?: string | undefined;
  /** Names and values alternately, as received. */
  readonly rawHeaders: readonly string[];
}

/**
 * Decides whether a request names this server. Protects against DNS rebinding: a web page can make its own name resolve
 * to this server's address and read what it serves, but the browser then sends that name here. An IP literal cannot be
 * rebound, nor can `localhost` (RFC 6761 §6.3).
 * @param listening the server's bound IP literal; undefined for a unix socket, which browsers cannot reach
 * @param names further host names of this server, in lower case
 */
export function judgeHost(
  request: Addressed,
  listening: string | undefined,
  names: readonly string[] = [],
): 'ours' | 'foreign' | 'malformed' {
  const { url = '', rawHeaders } = request;
  const hosts = rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === 'host');
  // RFC 9112 §3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that […]
  // contains more than one Host header field line or a Host header field with an invalid field value."
  if (hosts.length > 1 || hosts.some((host) => !HOST.test(host))) return 'malformed';
  // RFC 9112 §3.2.2: the host of an absolute-form target counts, and Host is ignored.
  const host = ABSOLUTE_FORM.exec(url)?.[1] ?? hosts[0];
  return listening === undefined || isAllowed(host, listening, names) ? 'ours' : 'foreign';
}

function isAllowed(host: string | undefined, listening: string, names: readonly string[]): boolean {
  // HTTP/1.0 clients may omit it, and some probes do. Browsers never do.
  if (host === undefined) return true;
  const [, ipv6, other = ''] = HOST.exec(host) ?? [];
  const name = (ipv6 ?? other).toLowerCase();
  if (name === 'localhost' || names.includes(name)) return true;
  if (isIP(name) === 0) return false;
  return isLoopback(name) || !isLoopback(listening);
}

/** Whether a browser may have sent the request. Programs that scrape or probe send none of these headers. */
export function mayBeBrowser({ rawHeaders }: Pick<Addressed, 'rawHeaders'>): boolean {
  return rawHeaders.some((name, index) => index % 2 === 0 && OF_BROWSERS.has(name.toLowerCase()));
}

/** The path of a request target (RFC 9112 §3.2) as received, without the query. */
export function pathOf({ url = '' }: Pick<Addressed, 'url'>): string {
  const [path = ''] = url.replace(ABSOLUTE_FORM, '').split(/[?#]/, 1);
  return path;
}
