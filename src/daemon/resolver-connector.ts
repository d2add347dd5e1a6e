import type { UpstreamConfig } from '../config/config.ts';
import {
  createTorConnector,
  type TlsOptions,
  type TorConnector,
  type TorConnectorOptions,
} from '../tor/tls/connector.ts';

/**
 * For the way to the onion service and the TLS handshake. Tor's first try after a service went down answers only after 64 s (measured),
 * while a fresh circuit to one that is up takes seconds: past this, another attempt is worth more than waiting on.
 */
const CONNECT_MS = 30_000;

/** How connections to one configured resolver are opened: Tor, then TLS where the protocol has it. */
export function createResolverConnector(
  components: Pick<TorConnectorOptions, 'agent' | 'clock' | 'signal'>,
  config: UpstreamConfig,
): TorConnector {
  return createTorConnector({
    ...components,
    ...(config.protocol === 'tcp' ? { onlyThroughTor: config.onlyThroughTor } : { tls: tlsOptions(config) }),
    deadlineMs: CONNECT_MS,
  });
}

function tlsOptions({ protocol, host, names, namesThroughTor, pins, ca, tlsMin }: UpstreamConfig): TlsOptions {
  return {
    servername: host,
    names,
    namesThroughTor,
    pins,
    minVersion: `TLSv${tlsMin}` as const,
    ...(ca === undefined ? {} : { ca }),
    // RFC 8484 §5.2 recommends HTTP/2, whose streams carry many queries at once; HTTP/1.1 is for servers without it.
    // RFC 7858 asks for no ALPN, and servers that know none for DNS refuse a client that insists on one (RFC 7301
    // §3.2).
    ...(protocol === 'https' ? { alpn: ['h2', 'http/1.1'] } : {}),
  };
}
