/** Names that servers on the local network answer, in place of the upstreams behind Tor. */
export interface Route {
  /** As it was configured: a domain name in lower case, or a network such as `192.168.1.0/24`. Identity in metrics. */
  readonly suffix: string;
  /** The domain names that the route covers, with all names below them: the suffix, or the network's reverse zones. */
  readonly zones: readonly string[];
  /** At least one; tried in order. */
  readonly servers: readonly RouteServer[];
}

/** A DNS server that is reached by plain DNS over UDP and TCP. */
export interface RouteServer {
  /** IP address without brackets; a link-local IPv6 address has a zone. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}
