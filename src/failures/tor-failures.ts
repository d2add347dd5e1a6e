/**
 * Failures of Tor, its onion services and TLS on the way to the resolver.
 * X'F0' to X'F7' are Tor's extended SOCKS5 error codes (proposal 304).
 */
export const TOR_FAILURES = {
  ERR_TOR_UNREACHABLE: {
    ede: 'networkError',
    label: 'tor_unreachable',
    problem: "Tor's SOCKS port does not answer",
    remedy: 'start tor, or set its address with --tor-socks',
  },
  ERR_TOR_NOT_SOCKS: {
    ede: 'networkError',
    label: 'tor_not_socks',
    problem: 'the program at the SOCKS address is not Tor',
    remedy: 'check the address in --tor-socks',
  },
  ERR_TOR_ARTI: {
    ede: 'networkError',
    label: 'tor_arti',
    problem: 'the program at the SOCKS address is arti, which dns4tor uses only if it is configured',
    remedy: 'set --tor-socks to that address',
  },
  ERR_TOR_FOREIGN: {
    ede: 'networkError',
    label: 'tor_foreign',
    problem: "the program at the SOCKS address runs as neither root nor Tor's user, so it is not trusted",
    remedy: 'stop it and start tor, or use a unix socket of your own Tor (--tor-socks unix:/path)',
  },
  ERR_TOR_UNPROVEN: {
    ede: 'networkError',
    label: 'tor_unproven',
    problem: 'dns4tor cannot verify that the program at the SOCKS address is Tor',
    remedy:
      'use a unix socket (--tor-socks unix:/path), or set --tor-socks and use an upstream with a certificate (https:// or tls://)',
  },
  ERR_TOR_TIMEOUT: {
    ede: 'networkError',
    label: 'tor_timeout',
    problem: 'Tor did not reach the resolver in time',
    remedy: 'wait if Tor is still starting, or use another --upstream if this persists',
  },
  ERR_TOR_GENERAL: {
    ede: 'networkError',
    label: 'tor_general',
    problem: 'Tor reported a general failure for the connection',
    remedy: "see Tor's log",
  },
  ERR_TOR_NOT_ALLOWED: {
    ede: 'networkError',
    label: 'tor_not_allowed',
    problem: "Tor's configuration does not allow the connection",
    remedy: 'check SocksPolicy and the flags of SocksPort in torrc',
  },
  ERR_TOR_NETWORK_UNREACHABLE: {
    ede: 'networkError',
    label: 'tor_network_unreachable',
    problem: 'Tor cannot reach the network',
    remedy: 'check that this machine is online',
  },
  ERR_TOR_HOST_UNREACHABLE: {
    ede: 'networkError',
    label: 'tor_host_unreachable',
    problem: 'Tor cannot reach the resolver, which may be down',
    remedy: 'use another --upstream if this persists',
  },
  ERR_TOR_PORT_REFUSED: {
    ede: 'noReachableAuthority',
    label: 'tor_port_refused',
    problem: 'the onion service is up but refuses this port',
    remedy: 'check the port in --upstream',
  },
  ERR_TOR_CIRCUIT_EXPIRED: {
    ede: 'networkError',
    label: 'tor_circuit_expired',
    problem: 'Tor could not build a circuit in time',
    remedy: 'check whether the network is slow or blocks Tor',
  },
  ERR_TOR_HS_DESC_NOT_FOUND: {
    ede: 'noReachableAuthority',
    label: 'tor_hs_desc_not_found',
    problem: "the onion service has published no descriptor (X'F0')",
    remedy: 'check the address in --upstream, or use another if the service is down',
  },
  ERR_TOR_HS_DESC_INVALID: {
    ede: 'noReachableAuthority',
    label: 'tor_hs_desc_invalid',
    problem: "the onion service's descriptor is invalid (X'F1')",
    remedy: 'upgrade tor, which may be too old for this service',
  },
  ERR_TOR_HS_INTRO_FAILED: {
    ede: 'noReachableAuthority',
    label: 'tor_hs_intro_failed',
    problem: "the introduction to the onion service failed (X'F2'), so it is probably down",
    remedy: 'use another --upstream if this persists',
  },
  ERR_TOR_HS_REND_FAILED: {
    ede: 'noReachableAuthority',
    label: 'tor_hs_rend_failed',
    problem: "the rendezvous with the onion service failed (X'F3')",
    remedy: 'use another --upstream if this persists',
  },
  ERR_TOR_HS_AUTH_MISSING: {
    ede: 'prohibited',
    label: 'tor_hs_auth_missing',
    problem: "the onion service requires client authorisation (X'F4'), and tor has no key for it",
    remedy: 'set the key with --onion-auth-file',
  },
  ERR_TOR_HS_AUTH_WRONG: {
    ede: 'prohibited',
    label: 'tor_hs_auth_wrong',
    problem: "the onion service rejected the client authorisation key (X'F5')",
    remedy: 'check the key in --onion-auth-file',
  },
  ERR_TOR_HS_BAD_ADDRESS: {
    ede: 'noReachableAuthority',
    label: 'tor_hs_bad_address',
    problem: "Tor rejects the onion address as invalid (X'F6')",
    remedy: 'check the address in --upstream',
  },
  ERR_TOR_HS_INTRO_TIMEOUT: {
    ede: 'noReachableAuthority',
    label: 'tor_hs_intro_timeout',
    problem: "the introduction to the onion service timed out (X'F7')",
    remedy: 'use another --upstream if this persists',
  },
  ERR_TOR_OFFLINE: {
    ede: 'networkError',
    label: 'tor_offline',
    problem: 'this machine is not connected to a network',
    remedy: 'connect it to one; Tor then continues without a restart',
  },
  ERR_TOR_CLOCK: {
    ede: 'notReady',
    label: 'tor_clock',
    problem: "this machine's date or time is wrong, so Tor rejects what its network sends",
    remedy:
      'set the clock by hand, such as with timedatectl set-time or date -s: time servers cannot be looked up by name before Tor works',
  },
  ERR_TOR_BLOCKED: {
    ede: 'networkError',
    label: 'tor_blocked',
    problem: "this network lets no connection through to Tor's relays",
    remedy:
      'check the date and time, and log in if the network has a login page; if it blocks Tor, use a bridge (docs/bridges.md)',
  },
  ERR_TOR_BRIDGES: {
    ede: 'networkError',
    label: 'tor_bridges',
    problem: 'none of the configured bridges can be reached',
    remedy:
      'check that this machine is online and, if the network has a login page, log in; otherwise use other bridges or another transport (docs/bridges.md)',
  },
  ERR_TOR_TRANSPORT: {
    ede: 'notReady',
    label: 'tor_transport',
    problem: 'the program of the pluggable transport does not run',
    remedy: 'run the program in a terminal to see why it ends',
  },
  ERR_TOR_TRANSPORT_NAME: {
    ede: 'networkError',
    label: 'tor_transport_name',
    problem: "the pluggable transport cannot reach its server, which it looks up in the system's DNS",
    remedy: 'check that the names in the bridge line resolve without dns4tor, or use an obfs4 bridge (docs/bridges.md)',
  },
  ERR_TOR_STUCK: {
    ede: 'notReady',
    label: 'tor_stuck',
    problem: 'Tor makes no progress',
    remedy:
      'check that this machine is online and, if the network limits what you may reach, use a bridge (docs/bridges.md)',
  },
  ERR_TOR_BINARY_MISSING: {
    ede: 'notReady',
    label: 'tor_binary_missing',
    problem: 'no Tor is running and no tor program was found',
    remedy: 'install tor (Debian: apt-get install tor)',
  },
  ERR_TOR_MANAGED: {
    ede: 'notReady',
    label: 'tor_managed',
    problem: 'the tor that dns4tor started is not running',
    remedy: "see tor's messages in the log",
  },
  ERR_TOR_IN_USE: {
    ede: 'notReady',
    label: 'tor_in_use',
    problem: 'another dns4tor already runs its own tor in this directory',
    remedy: 'use that tor with --tor-socks unix:DIRECTORY/socks, or set STATE_DIRECTORY to another directory',
  },
  ERR_UNTRUSTED_PATH: {
    ede: 'notReady',
    label: 'untrusted_path',
    problem: 'other users of this machine can write there, so dns4tor does not use it',
    remedy:
      "make root or dns4tor's user the owner and revoke write access for others (chown, chmod go-w), or use another directory",
  },
  ERR_TOR_CONTROL: {
    label: 'tor_control',
    problem: "tor's control port cannot be used",
    remedy: "check --tor-control and whether dns4tor may read tor's cookie file",
  },
  ERR_TOR_ONION_AUTH: {
    label: 'tor_onion_auth',
    problem: 'tor does not have the key from --onion-auth-file',
    remedy: "put the file into tor's ClientOnionAuthDir, or allow access to its control port (--tor-control)",
  },
  ERR_TLS_NAME: {
    ede: 'networkError',
    label: 'tls_name',
    problem: "the resolver's certificate is for another name",
    remedy: 'if that name is right, allow it with --upstream-name',
  },
  ERR_TLS_UNTRUSTED: {
    ede: 'networkError',
    label: 'tls_untrusted',
    problem: "the resolver's certificate is not signed by a trusted authority",
    remedy: 'if the resolver is yours, make it send its intermediate certificates and set its CA with --upstream-ca',
  },
  ERR_TLS_VERSION: {
    ede: 'networkError',
    label: 'tls_version',
    problem: 'the resolver supports only TLS versions older than --upstream-tls-min (1.3 by default)',
    remedy: 'upgrade it if it is yours, use another --upstream, or accept TLS 1.2 with --upstream-tls-min 1.2',
  },
  ERR_TLS_KEY_SIZE: {
    ede: 'networkError',
    label: 'tls_key_size',
    problem: "a key in the resolver's certificate chain is too small",
    remedy: 'use an elliptic-curve key, or RSA with at least 2048 bits',
  },
  ERR_TLS_SIGNATURE: {
    ede: 'networkError',
    label: 'tls_signature',
    problem: "a certificate in the resolver's chain has a SHA-1 or MD5 signature, which can be forged",
    remedy: 'sign it with SHA-256 or better',
  },
  ERR_TLS_PURPOSE: {
    ede: 'networkError',
    label: 'tls_purpose',
    problem: "the resolver's certificate or one of its issuers was issued for another purpose",
    remedy: 'reissue it with extendedKeyUsage=serverAuth for the server, or basicConstraints=CA:TRUE for a CA',
  },
  ERR_TLS_CHAIN: {
    ede: 'networkError',
    label: 'tls_chain',
    problem: "the resolver's certificate or one of its issuers is invalid",
    remedy: 'reissue it if the resolver is yours, or use another --upstream',
  },
  ERR_TLS_VALIDITY: {
    ede: 'networkError',
    label: 'tls_validity',
    problem: "the resolver's certificate has expired or is not valid yet",
    remedy: "check this machine's clock",
  },
  ERR_TLS_PIN: {
    ede: 'networkError',
    label: 'tls_pin',
    problem: "the resolver's public key matches none of the pins in --upstream-pin",
    remedy: 'ask its operator whether the key has changed, and only then replace the pin',
  },
  ERR_TLS_STAMP: {
    ede: 'networkError',
    label: 'tls_stamp',
    problem: "the resolver's certificate chain has none of the hashes in its DNS stamp (sdns://)",
    remedy: 'get the current stamp from its operator; the authority behind its certificate may have changed',
  },
  ERR_TLS: {
    ede: 'networkError',
    label: 'tls',
    problem: 'the TLS handshake with the resolver failed',
    remedy: 'check the host and port in --upstream',
  },
} as const;
