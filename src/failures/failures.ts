import { LOCAL_FAILURES } from './system-failures.ts';

/** Extended DNS Error codes that dns4tor's answers can carry (RFC 8914 §4). */
export const EDE = {
  other: 0,
  staleAnswer: 3,
  cachedError: 13,
  notReady: 14,
  blocked: 15,
  prohibited: 18,
  staleNxdomain: 19,
  notAuthoritative: 20,
  notSupported: 21,
  noReachableAuthority: 22,
  networkError: 23,
  invalidData: 24,
} as const;

export interface FailureKind {
  /** What a client is answered. @default 'SERVFAIL' */
  readonly rcode?: 'FORMERR' | 'NOTIMP' | 'REFUSED' | 'BADVERS';
  /** What a client is told beside the RCODE; absent where that says it all, and for failures that no client can meet. */
  readonly ede?: keyof typeof EDE;
  /** Value of a metrics label: one of a closed set, stable. */
  readonly label: string;
  /** One sentence for a person: what happened and what to do about it. Never holds a name that was asked for. */
  readonly sentence: string;
}

/**
 * Every failure that dns4tor knows: the one table from an error's code to what clients, metrics and people are told.
 * Failures of Tor, TLS, DoH and DNS are listed here, the others in {@link LOCAL_FAILURES}.
 * The codes X'F0' to X'F7' are Tor's extended SOCKS errors (proposal 304).
 */
export const FAILURES = {
  ERR_TOR_UNREACHABLE: {
    ede: 'networkError',
    label: 'tor_unreachable',
    sentence: "Tor's SOCKS port does not answer; start tor, or name its port with --tor-socks",
  },
  ERR_TOR_NOT_SOCKS: {
    ede: 'networkError',
    label: 'tor_not_socks',
    sentence: 'what answers at --tor-socks is not a SOCKS5 proxy of Tor; check the address',
  },
  ERR_TOR_FOREIGN: {
    ede: 'networkError',
    label: 'tor_foreign',
    sentence:
      "the program at --tor-socks runs as another user, neither root nor Tor's, so it is not trusted; stop it and start tor, or use a unix socket of your own Tor (--tor-socks unix:/path)",
  },
  ERR_TOR_UNPROVEN: {
    ede: 'networkError',
    label: 'tor_unproven',
    sentence:
      'cannot tell whether the program at the SOCKS address is Tor; use a unix socket (--tor-socks unix:/path), or set --tor-socks and use an upstream with a certificate (https:// or tls://)',
  },
  ERR_TOR_TIMEOUT: {
    ede: 'networkError',
    label: 'tor_timeout',
    sentence: 'Tor did not reach the resolver in time; it may still be starting, or the onion service is down',
  },
  ERR_TOR_GENERAL: {
    ede: 'networkError',
    label: 'tor_general',
    sentence: 'Tor reported a general failure for the connection; its log says more',
  },
  ERR_TOR_NOT_ALLOWED: {
    ede: 'networkError',
    label: 'tor_not_allowed',
    sentence: "Tor's configuration does not allow the connection; check the SocksPort's flags and SocksPolicy",
  },
  ERR_TOR_NETWORK_UNREACHABLE: {
    ede: 'networkError',
    label: 'tor_network_unreachable',
    sentence: 'Tor has no way to the network; check that this machine is online',
  },
  ERR_TOR_HOST_UNREACHABLE: {
    ede: 'networkError',
    label: 'tor_host_unreachable',
    sentence: 'Tor found no way to the resolver; the onion service may be down',
  },
  ERR_TOR_PORT_REFUSED: {
    ede: 'noReachableAuthority',
    label: 'tor_port_refused',
    sentence: 'the onion service is up but does not serve this port; check the port in --upstream',
  },
  ERR_TOR_CIRCUIT_EXPIRED: {
    ede: 'networkError',
    label: 'tor_circuit_expired',
    sentence: 'Tor gave up building a circuit; the network may be slow or blocked',
  },
  ERR_TOR_HS_DESC_NOT_FOUND: {
    ede: 'noReachableAuthority',
    label: 'tor_hs_desc_not_found',
    sentence:
      "the onion service has published no descriptor (X'F0'); check the address in --upstream, or the service is down",
  },
  ERR_TOR_HS_DESC_INVALID: {
    ede: 'noReachableAuthority',
    label: 'tor_hs_desc_invalid',
    sentence: "the onion service's descriptor is invalid (X'F1'); tor here may be too old for it",
  },
  ERR_TOR_HS_INTRO_FAILED: {
    ede: 'noReachableAuthority',
    label: 'tor_hs_intro_failed',
    sentence: "the introduction to the onion service failed (X'F2'); the service is probably down",
  },
  ERR_TOR_HS_REND_FAILED: {
    ede: 'noReachableAuthority',
    label: 'tor_hs_rend_failed',
    sentence: "the rendezvous with the onion service failed (X'F3')",
  },
  ERR_TOR_HS_AUTH_MISSING: {
    ede: 'prohibited',
    label: 'tor_hs_auth_missing',
    sentence: "the onion service asks for client authorisation (X'F4'), and tor here has no key for it",
  },
  ERR_TOR_HS_AUTH_WRONG: {
    ede: 'prohibited',
    label: 'tor_hs_auth_wrong',
    sentence: "the onion service refused the client authorisation key (X'F5')",
  },
  ERR_TOR_HS_BAD_ADDRESS: {
    ede: 'noReachableAuthority',
    label: 'tor_hs_bad_address',
    sentence: "Tor says that the onion address is not valid (X'F6'); check --upstream",
  },
  ERR_TOR_HS_INTRO_TIMEOUT: {
    ede: 'noReachableAuthority',
    label: 'tor_hs_intro_timeout',
    sentence: "the introduction to the onion service timed out (X'F7')",
  },
  ERR_TOR_BINARY_MISSING: {
    ede: 'notReady',
    label: 'tor_binary_missing',
    sentence: 'no running Tor was found and no tor program to start; install one (Debian: apt-get install tor)',
  },
  ERR_TOR_MANAGED: {
    ede: 'notReady',
    label: 'tor_managed',
    sentence: 'the tor that dns4tor started does not run',
  },
  ERR_UNTRUSTED_PATH: {
    ede: 'notReady',
    label: 'untrusted_path',
    sentence:
      "other users of this machine can write there, so dns4tor does not use it; make root or dns4tor's user the owner and let nobody else write (chown, chmod go-w), or use another directory",
  },
  ERR_TOR_CONTROL: {
    label: 'tor_control',
    sentence: "tor's control port cannot be used",
  },
  ERR_TOR_ONION_AUTH: {
    label: 'tor_onion_auth',
    sentence:
      "tor was not given the key of --onion-auth-file; put the file into that tor's ClientOnionAuthDir, or let its control port be used (--tor-control)",
  },
  ERR_TLS_NAME: {
    ede: 'networkError',
    label: 'tls_name',
    sentence: "the resolver's certificate names somebody else; if that name is right, allow it with --upstream-name",
  },
  ERR_TLS_UNTRUSTED: {
    ede: 'networkError',
    label: 'tls_untrusted',
    sentence:
      "the resolver's certificate is not signed by a trusted authority; for a resolver of your own, have it send its intermediate certificates and give its CA with --upstream-ca",
  },
  ERR_TLS_VERSION: {
    ede: 'networkError',
    label: 'tls_version',
    sentence:
      'the resolver supports only TLS versions older than --upstream-tls-min (1.3 by default); upgrade it if it is yours, use another --upstream, or accept TLS 1.2 with --upstream-tls-min 1.2',
  },
  ERR_TLS_KEY_SIZE: {
    ede: 'networkError',
    label: 'tls_key_size',
    sentence:
      "a key in the resolver's certificate chain is too small; use an elliptic-curve key, or RSA with at least 2048 bits",
  },
  ERR_TLS_SIGNATURE: {
    ede: 'networkError',
    label: 'tls_signature',
    sentence:
      "a certificate in the resolver's chain has a SHA-1 or MD5 signature, which can be forged; sign it with SHA-256 or better",
  },
  ERR_TLS_PURPOSE: {
    ede: 'networkError',
    label: 'tls_purpose',
    sentence:
      "the resolver's certificate or one of its issuers was issued for another purpose; the server needs extendedKeyUsage=serverAuth, a CA needs basicConstraints=CA:TRUE",
  },
  ERR_TLS_CHAIN: {
    ede: 'networkError',
    label: 'tls_chain',
    sentence:
      "the resolver's certificate or one of its issuers is invalid; reissue it if the resolver is yours, or use another --upstream",
  },
  ERR_TLS_VALIDITY: {
    ede: 'networkError',
    label: 'tls_validity',
    sentence: "the resolver's certificate has expired or is not valid yet; check this machine's clock",
  },
  ERR_TLS_PIN: {
    ede: 'networkError',
    label: 'tls_pin',
    sentence: "the resolver's public key is none of those in --upstream-pin",
  },
  ERR_TLS: {
    ede: 'networkError',
    label: 'tls',
    sentence: 'the TLS handshake with the resolver failed; check the host and port in --upstream',
  },
  ERR_DOH_HTTP_VERSION: {
    ede: 'networkError',
    label: 'doh_http_version',
    sentence: 'the resolver speaks neither HTTP/2 nor HTTP/1.1; check the URL in --upstream',
  },
  ERR_UPSTREAM_CONNECTION: {
    ede: 'networkError',
    label: 'upstream_connection',
    sentence: 'the connection to the resolver was lost',
  },
  ERR_UPSTREAM_STALLED: {
    ede: 'networkError',
    label: 'upstream_stalled',
    sentence: 'the connection to the resolver went silent while queries waited and was replaced',
  },
  ERR_QUERY_DROPS_CONNECTION: {
    ede: 'networkError',
    label: 'query_drops_connection',
    sentence:
      'the resolver drops the connection or resets the stream on this query, but answers others; report it to its operator, or add another --upstream',
  },
  ERR_DOH_STATUS: {
    ede: 'noReachableAuthority',
    label: 'doh_status',
    sentence: 'the resolver answered with an HTTP error; check the path in --upstream',
  },
  ERR_DOH_CONTENT_TYPE: {
    ede: 'invalidData',
    label: 'doh_content_type',
    sentence: 'the resolver answered with something other than application/dns-message; check the path in --upstream',
  },
  ERR_DOH_BODY_SIZE: {
    ede: 'invalidData',
    label: 'doh_body_size',
    sentence: 'the resolver answered with more than a DNS message can hold',
  },
  ERR_RESPONSE_FAILURE: {
    ede: 'other',
    label: 'response_failure',
    sentence: 'the resolver itself could not answer',
  },
  ERR_RESPONSE_MALFORMED: {
    ede: 'invalidData',
    label: 'response_malformed',
    sentence: 'the resolver answered with a message that is not well-formed DNS',
  },
  ERR_RESPONSE_MISMATCH: {
    ede: 'invalidData',
    label: 'response_mismatch',
    sentence: 'the resolver answered another question than the one that was asked',
  },
  ERR_RESPONSE_TRUNCATED: {
    ede: 'invalidData',
    label: 'response_truncated',
    sentence: 'the resolver truncated its answer (TC=1), although it was not sent over UDP',
  },
  ERR_RESPONSE_CHAIN: {
    ede: 'invalidData',
    label: 'response_chain',
    sentence: "the resolver's answer has unrelated records, too many aliases, or a loop of aliases",
  },
  ERR_SLOW: {
    label: 'slow',
    sentence: 'the resolver takes long to answer; it is still being asked',
  },
  ERR_RECHECK: {
    label: 'recheck',
    sentence: 'the resolver could not answer a moment ago; it is asked again soon',
  },
  ERR_DEADLINE: {
    ede: 'networkError',
    label: 'deadline',
    sentence: 'no answer came before the deadline (--timeout)',
  },
  ERR_GIVEN_UP: {
    ede: 'other',
    label: 'given_up',
    sentence:
      'the query was abandoned to make room for another one: no client waited for its answer, or its client had too many in flight',
  },
  ERR_QUEUE_FULL: {
    ede: 'other',
    label: 'queue_full',
    sentence: 'too many queries wait for the resolver',
  },
  ERR_SHUTDOWN: {
    ede: 'notReady',
    label: 'shutdown',
    sentence: 'dns4tor is shutting down',
  },
  ERR_IN_FLIGHT: {
    ede: 'other',
    label: 'in_flight',
    sentence: 'too many queries wait for the resolver (--max-in-flight)',
  },
  ERR_IN_FLIGHT_CLIENT: {
    ede: 'other',
    label: 'in_flight_client',
    sentence: 'too many queries of this client wait for the resolver (--max-in-flight-per-client)',
  },
  ERR_CLIENTS: {
    ede: 'other',
    label: 'clients',
    sentence: 'more clients wait for the resolver than can have circuits of their own (--isolate client)',
  },
  ERR_QUERY_MALFORMED: {
    rcode: 'FORMERR',
    ede: 'other',
    label: 'query_malformed',
    sentence: 'the query is not well-formed',
  },
  ERR_QUERY_META_TYPE: {
    rcode: 'FORMERR',
    ede: 'other',
    label: 'query_meta_type',
    sentence: 'the type that was asked for is none that a name can have',
  },
  ERR_QUERY_EDNS_VERSION: {
    rcode: 'BADVERS',
    label: 'query_edns_version',
    sentence: 'only EDNS version 0 is spoken here',
  },
  // No extended error: the reply has no OPT record, because the format behind the header depends on the opcode.
  ERR_QUERY_OPCODE: {
    rcode: 'NOTIMP',
    label: 'query_opcode',
    sentence: 'only standard queries are answered here',
  },
  ERR_QUERY_CLASS: {
    rcode: 'REFUSED',
    ede: 'notSupported',
    label: 'query_class',
    sentence: 'only the class IN is answered here',
  },
  ERR_QUERY_TRANSFER: {
    rcode: 'REFUSED',
    ede: 'notSupported',
    label: 'query_transfer',
    sentence: 'there is no zone here to transfer',
  },
  ERR_QUERY_NOT_RECURSIVE: {
    rcode: 'REFUSED',
    ede: 'notAuthoritative',
    label: 'query_not_recursive',
    sentence: 'a query must ask for recursion (RD=1); the cache is not for others to look into',
  },
  ERR_INTERNAL: {
    ede: 'other',
    label: 'internal',
    sentence: 'a defect in dns4tor; please report it',
  },
  ...LOCAL_FAILURES,
} as const;

/** Stable: callers match on it, users may search for it. */
export type ErrorCode = keyof typeof FAILURES;

/** The table's row for a code. */
export function failureKind(code: ErrorCode): FailureKind {
  return FAILURES[code];
}
