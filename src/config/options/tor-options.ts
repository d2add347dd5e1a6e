/** Most bridges that can be given. Tor tries a few at a time; more lines only show more bridges to one machine. */
export const MAX_BRIDGES = 64;

/** The options of the group Tor. Part of `OPTIONS`, which checks their type. */
export const TOR_OPTIONS = {
  'tor-socks': {
    kind: 'socks-address',
    group: 'Tor',
    placeholder: 'where',
    doc: 'how to reach Tor: host:port, unix:/path, managed (start its own tor), or auto (use a running Tor, otherwise managed)',
    default: 'auto',
  },
  'tor-control': {
    kind: 'control-address',
    group: 'Tor',
    placeholder: 'where',
    doc: 'control port of a running Tor, used to follow its state, and to send NEWNYM while Tor refuses an onion service because of earlier failures: host:port, unix:/path, none, or auto (the usual places; none if not readable)',
    default: 'auto',
  },
  'onion-auth-file': {
    kind: 'onion-auth-file',
    group: 'Tor',
    placeholder: 'file',
    doc: "key for an onion service with client authorisation, in the format of tor's .auth_private files",
    unset: 'no keys',
    list: { separator: ',', maxItems: 16 },
  },
  'tor-binary': {
    kind: 'program',
    group: 'Tor',
    placeholder: 'program',
    doc: 'tor program to start if managed: a path, or a name in PATH',
    default: 'tor',
  },
  // Bridge lines hold commas.
  bridge: {
    kind: 'bridge-line',
    group: 'Tor',
    placeholder: 'line',
    doc: 'bridge of the managed tor, as the Tor Project gives it: [transport] IP:port [fingerprint] [key=value …]; secret, and other users can see a command line (ps), so prefer --bridges-file',
    unset: 'no bridges; tor connects to public relays',
    list: { separator: '\n', maxItems: MAX_BRIDGES },
    secret: true,
    neverEmpty: true,
  },
  'bridges-file': {
    kind: 'bridges-file',
    group: 'Tor',
    placeholder: 'file',
    doc: 'file of bridges, one on each line, readable by no other user; # begins a comment',
    unset: 'no file',
    list: { separator: ',', maxItems: 16 },
    neverEmpty: true,
  },
  transport: {
    kind: 'transport-program',
    group: 'Tor',
    placeholder: 'name=/path',
    doc: 'program for the bridges of a pluggable transport',
    unset:
      'found in PATH: lyrebird or obfs4proxy for obfs4 and meek_lite, snowflake-client for snowflake, webtunnel-client or lyrebird for webtunnel',
    list: { separator: ',', maxItems: 16 },
  },
  'tor-option': {
    kind: 'torrc-line',
    group: 'Tor',
    placeholder: "'Name value'",
    doc: 'torrc line for the managed tor; several in one text are separated by newlines',
    unset: 'no lines',
    // Values in a torrc may contain commas.
    list: { separator: '\n', maxItems: 64 },
  },
} as const;
