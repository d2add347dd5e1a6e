/** Failures of DoH and DNS: lost connections, unusable responses, limits, and queries that dns4tor refuses. */
export const DNS_FAILURES = {
  ERR_DOH_HTTP_VERSION: {
    ede: 'networkError',
    label: 'doh_http_version',
    problem: 'the resolver speaks neither HTTP/2 nor HTTP/1.1',
    remedy: 'check the URL in --upstream',
  },
  ERR_UPSTREAM_CONNECTION: {
    ede: 'networkError',
    label: 'upstream_connection',
    problem: 'the connection to the resolver was lost',
  },
  ERR_UPSTREAM_STALLED: {
    ede: 'networkError',
    label: 'upstream_stalled',
    problem: 'the connection to the resolver went silent while queries waited, so it was replaced',
  },
  ERR_QUERY_DROPS_CONNECTION: {
    ede: 'networkError',
    label: 'query_drops_connection',
    problem: 'the resolver closes the connection or resets the stream on this query, but answers others',
    remedy: 'report it to its operator, or add another --upstream',
  },
  ERR_DOH_STATUS: {
    ede: 'noReachableAuthority',
    label: 'doh_status',
    problem: 'the resolver answered with an HTTP error',
    remedy: 'check the path in --upstream',
  },
  ERR_DOH_CONTENT_TYPE: {
    ede: 'invalidData',
    label: 'doh_content_type',
    problem: "the resolver's response is not of type application/dns-message",
    remedy: 'check the path in --upstream',
  },
  ERR_DOH_BODY_SIZE: {
    ede: 'invalidData',
    label: 'doh_body_size',
    problem: "the resolver's response is larger than a DNS message can be",
    remedy: 'use another --upstream if this persists',
  },
  ERR_RESPONSE_FAILURE: {
    ede: 'other',
    label: 'response_failure',
    problem: 'the resolver itself could not answer',
  },
  ERR_RESPONSE_MALFORMED: {
    ede: 'invalidData',
    label: 'response_malformed',
    problem: "the resolver's response is not a well-formed DNS message",
    remedy: 'use another --upstream if this persists',
  },
  ERR_RESPONSE_MISMATCH: {
    ede: 'invalidData',
    label: 'response_mismatch',
    problem: "the resolver's response answers another question",
    remedy: 'use another --upstream if this persists',
  },
  ERR_RESPONSE_TRUNCATED: {
    ede: 'invalidData',
    label: 'response_truncated',
    problem: 'the resolver truncated its response (TC=1), although it was not sent over UDP',
    remedy: 'use another --upstream if this persists',
  },
  ERR_RESPONSE_CHAIN: {
    ede: 'invalidData',
    label: 'response_chain',
    problem: "the resolver's response has unrelated records, too many aliases, or an alias loop",
    remedy: 'use another --upstream if this persists',
  },
  ERR_ROUTE_TIMEOUT: {
    ede: 'noReachableAuthority',
    label: 'route_timeout',
    problem: 'the server that a route names did not answer in time',
    remedy: 'check the address in --route, and that the server answers DNS queries of this machine',
  },
  ERR_ROUTE_UNREACHABLE: {
    ede: 'networkError',
    label: 'route_unreachable',
    problem: 'the server that a route names cannot be reached',
    remedy:
      'check the address in --route, that this machine is in that network (or the VPN is up), and, for the service, the drop-in routes.conf (docs/routes.md)',
  },
  ERR_ROUTE_DENIED: {
    ede: 'networkError',
    label: 'route_denied',
    problem: 'this system does not let dns4tor send to the server that a route names',
    remedy:
      'name its address in IPAddressAllow= of /etc/systemd/system/dns4tor.service.d/routes.conf (docs/routes.md), or check the firewall',
  },
  ERR_SLOW: {
    label: 'slow',
    problem: 'the resolver is slow to answer, and dns4tor is still waiting for it',
  },
  ERR_RECHECK: {
    label: 'recheck',
    problem: 'the resolver could not answer a moment ago, and will be asked again soon',
  },
  ERR_DEADLINE: {
    ede: 'networkError',
    label: 'deadline',
    problem: 'no answer arrived before the deadline (--timeout)',
  },
  ERR_GIVEN_UP: {
    ede: 'other',
    label: 'given_up',
    problem:
      'the query was abandoned to make room for another: no client waited for it, or its client had too many in flight',
  },
  ERR_QUEUE_FULL: {
    ede: 'other',
    label: 'queue_full',
    problem: 'too many queries are waiting for the resolver',
  },
  ERR_SHUTDOWN: {
    ede: 'notReady',
    label: 'shutdown',
    problem: 'dns4tor is shutting down',
  },
  ERR_IN_FLIGHT: {
    ede: 'other',
    label: 'in_flight',
    problem: 'too many queries are waiting for the resolver',
    remedy: 'try again, or raise --max-in-flight',
  },
  ERR_IN_FLIGHT_CLIENT: {
    ede: 'other',
    label: 'in_flight_client',
    problem: 'too many queries of this client are waiting for the resolver',
    remedy: 'try again, or raise --max-in-flight-per-client',
  },
  ERR_CLIENTS: {
    ede: 'other',
    label: 'clients',
    problem: 'more clients are waiting for the resolver than can have circuits of their own (--isolate client)',
    remedy: 'try again',
  },
  ERR_QUERY_MALFORMED: {
    rcode: 'FORMERR',
    ede: 'other',
    label: 'query_malformed',
    problem: 'the query is malformed',
  },
  ERR_QUERY_META_TYPE: {
    rcode: 'FORMERR',
    ede: 'other',
    label: 'query_meta_type',
    problem: 'the query type is a meta-type, which no name can have',
  },
  ERR_QUERY_EDNS_VERSION: {
    rcode: 'BADVERS',
    label: 'query_edns_version',
    problem: 'only EDNS version 0 is supported',
  },
  // No extended error: the reply has no OPT record, because the format behind the header depends on the opcode.
  ERR_QUERY_OPCODE: {
    rcode: 'NOTIMP',
    label: 'query_opcode',
    problem: 'only standard queries (opcode 0) are supported',
  },
  ERR_QUERY_CLASS: {
    rcode: 'REFUSED',
    ede: 'notSupported',
    label: 'query_class',
    problem: 'only class IN is supported',
  },
  ERR_QUERY_TRANSFER: {
    rcode: 'REFUSED',
    ede: 'notSupported',
    label: 'query_transfer',
    problem: 'dns4tor has no zone to transfer',
  },
  ERR_QUERY_NOT_RECURSIVE: {
    rcode: 'REFUSED',
    ede: 'notAuthoritative',
    label: 'query_not_recursive',
    problem: 'queries without recursion are refused, because they would reveal what is cached',
    remedy: 'set RD=1',
  },
  ERR_INTERNAL: {
    ede: 'other',
    label: 'internal',
    problem: 'a defect in dns4tor',
    remedy: 'please report it',
  },
} as const;
