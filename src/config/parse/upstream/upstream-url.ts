import { isOnionHost, onionAddressProblem } from '../../../model/onion-address.ts';
import type { UpstreamProtocol } from '../../config.ts';
import { type Parsed, type Problem, refuse } from '../../config-problem.ts';
import { unbracket } from '../endpoint.ts';
import { parseDnsStamp, STAMP_SCHEME } from './dns-stamp.ts';

/** The parts of a resolver's URL. The host is an onion address, a name that Tor's exit resolves, or an IP address. */
export interface UpstreamUrl {
  readonly protocol: UpstreamProtocol;
  /** In canonical form. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** SHA-256 hashes of TBS certificates, one of which the chain must have; only a DNS stamp has them. */
  readonly chainHashes: readonly string[];
}

/** Default ports (RFC 9110 §4.2.2, RFC 7858 §3.1, RFC 7766 §5). */
const DEFAULT_PORTS: Readonly<Record<UpstreamProtocol, number>> = { https: 443, tls: 853, tcp: 53 };

/** The usual path of DNS over HTTPS, and the one of the examples in RFC 8484 §4.1.1. */
const USUAL_PATH = '/dns-query';

/** Parses the URL or the DNS stamp of an upstream. Refuses parts that have no effect, such as a fragment. */
export function parseUpstreamUrl(text: string): Parsed<UpstreamUrl> {
  if (!text.startsWith(STAMP_SCHEME)) return parseUrl(text, []);
  const stamp = parseDnsStamp(text);
  return 'problem' in stamp ? stamp : parseUrl(stamp.value.url, stamp.value.chainHashes);
}

function parseUrl(text: string, chainHashes: readonly string[]): Parsed<UpstreamUrl> {
  const url = URL.parse(text);
  // The parser takes `dns.example:443/dns-query` for a URL with the scheme `dns.example`.
  if (url === null || !text.includes('://')) {
    return refuse(
      text,
      'is not a URL',
      'give the whole URL, such as https://resolver.example/dns-query or tls://resolver.example',
    );
  }
  const protocol = url.protocol.slice(0, -1);
  if (!isUpstreamProtocol(protocol)) {
    return refuse(
      text,
      'has an unsupported protocol',
      'use https://, tls://, tcp:// or sdns://, also for an onion service',
    );
  }
  if (url.username !== '' || url.password !== '') {
    return refuse(withoutCredentials(url), 'holds a user name or password, which DNS does not use', 'remove them');
  }
  if (url.hash !== '') return refuse(text, 'holds a fragment, which is never sent', `remove '${url.hash}'`);
  const hostname = hostnameOf(url);
  if (hostname === undefined) return refuse(text, 'has no host', `write ${protocol}://resolver.example`);
  const superfluous = protocol === 'https' ? refuseQuery(text) : refusePath(text, url);
  if (superfluous !== undefined) return superfluous;
  const host = unbracket(hostname);
  const onionProblem = isOnionHost(host) ? onionAddressProblem(host) : undefined;
  if (onionProblem !== undefined) return refuse(text, onionProblem.problem, onionProblem.remedy);
  if (url.port === '0') return refuse(text, 'has port 0, which no server can listen on');
  const port = url.port === '' ? DEFAULT_PORTS[protocol] : Number(url.port);
  const authority = port === DEFAULT_PORTS[protocol] ? hostname : `${hostname}:${port}`;
  const path = protocol === 'https' ? pathOf(text, url) : '';
  return { value: { protocol, url: `${protocol}://${authority}${path}`, host, port, chainHashes } };
}

/** A URL with nothing behind the host means the usual path. A slash there names the root, so it stays. */
function pathOf(text: string, { pathname }: URL): string {
  return /^[a-z]+:\/\/[^/\\]+$/i.test(text) ? USUAL_PATH : pathname;
}

function isUpstreamProtocol(name: string): name is UpstreamProtocol {
  return Object.hasOwn(DEFAULT_PORTS, name);
}

/** RFC 8484 §4.1: a POST request has the query in its body, and does not use the template's variable. */
function refuseQuery(text: string): Problem | undefined {
  const start = text.search(/[?{]/);
  if (start === -1) return undefined;
  return refuse(text, 'holds a query string, which POST requests do not use', `remove '${text.slice(start)}'`);
}

function refusePath(text: string, { pathname, search }: URL): Problem | undefined {
  const superfluous = pathname === '/' && search === '' ? '' : pathname + search;
  if (superfluous === '') return undefined;
  return refuse(text, 'holds a path or query string, which only https:// uses', `remove '${superfluous}'`);
}

/**
 * Returns the host in canonical form: lower case, IDNA in ASCII, IPv4 in dotted decimal. The parser does that only for
 * schemes that it knows, such as https.
 */
function hostnameOf(url: URL): string | undefined {
  return url.hostname === '' ? undefined : URL.parse(`https://${url.hostname}`)?.hostname;
}

/** Problems are printed and logged, but passwords must not be. */
function withoutCredentials(url: URL): string {
  const shown = new URL(url);
  shown.username = '';
  shown.password = '';
  return shown.href;
}
