/** A test that fails when a promise is broken. */
export interface Proof {
  /** Relative to the checkout. */
  readonly file: string;
  /** Part of the test's name. */
  readonly test: string;
}

export interface Promised {
  readonly id: string;
  /** As docs/guarantees.md says it. */
  readonly promise: string;
  readonly proofs: readonly Proof[];
}

/** What is promised about privacy, and the tests that prove it. `npm run docs` writes docs/guarantees.md from this. */
export const PROMISES: readonly Promised[] = [
  {
    id: 'G1',
    promise:
      'Packets go only to this machine and to Tor: with vanilla and obfs4 bridges, to the bridges alone; other [transports](bridges.md#what-leaves-the-machine) also look up and contact the servers in their lines. Servers that [routes](routes.md) name get the queries for the names below their suffix, and no others. This holds at start, while Tor or the resolver is down, with a wrong configuration, after a crash and during an upgrade, and for `query`, `check` and `install --dry-run`',
    proofs: [
      { file: 'test/leaks/phases.test.ts', test: 'G1, G8: no packet leaves but to loopback' },
      { file: 'test/leaks/bridge.test.ts', test: 'G1, G8: with a bridge, packets leave only to it' },
      { file: 'test/leaks/bridge.test.ts', test: 'G1: with snowflake, only lookups' },
      { file: 'test/leaks/routes.test.ts', test: 'G1, G3, G8: packets go to the servers of routes' },
      {
        file: 'test/systemd/units.test.ts',
        test: 'has no way out but its sockets and unix sockets, and leaves no core',
      },
      { file: 'test/leaks/encrypted.test.ts', test: 'G1, G8, G13: over DoT and DoH' },
      { file: 'test/leaks/namespace.test.ts', test: 'where nobody sends, nothing is counted' },
    ],
  },
  {
    id: 'G2',
    promise: 'dns4tor gives Tor the name of the resolver, and never asks the operating system for a name',
    proofs: [{ file: 'test/leaks/upstream-connections.test.ts', test: 'G2, G8: of a resolver at' }],
  },
  {
    id: 'G3',
    promise:
      'There is no fallback to plain DNS, to a direct connection or to another resolver. Without Tor, clients get an expired answer or SERVFAIL. If the servers of a route are down, its names do not go through Tor',
    proofs: [
      { file: 'test/leaks/phases.test.ts', test: 'G3: Tor down' },
      { file: 'test/leaks/routes.test.ts', test: 'its names fail, and go nowhere else' },
    ],
  },
  {
    id: 'G4',
    promise:
      '[Local names](local-names.md) are answered locally. No query for `.onion`, `.local`, `.test`, `.invalid` or `localhost`, for a name in `--hosts` or `--name`, or for a name that `--blocklist` blocks ever reaches the resolver. For the other local zones and for names without a dot, only queries about the delegation do: DS of the zone, and NS, SOA, DS and DNSKEY of a single label. With `--undelegated forward`, undelegated names and names without a dot do, too. [Routes](routes.md) send such names to their servers instead, but neither own nor blocked names, nor `.onion` or `localhost`',
    proofs: [
      { file: 'test/config/parse/local/route-rule.test.ts', test: 'no route covers names of onion services' },
      { file: 'test/protocol/messages/local-names.test.ts', test: 'upstream has seen none of these names' },
      {
        file: 'test/protocol/messages/local-names.test.ts',
        test: 'forward sends upstream what no standard makes local',
      },
      { file: 'test/protocol/messages/own-names.test.ts', test: 'the resolver has seen no own name' },
      { file: 'test/protocol/messages/blocking.test.ts', test: 'a name of a list in any format does not exist' },
    ],
  },
  {
    id: 'G5',
    promise: 'A question looks the same to the resolver, whichever program or machine asks it',
    proofs: [
      { file: 'test/message/upstream-query.test.ts', test: 'the same question from clients of any kind' },
      { file: 'test/protocol/upstream/upstream-requests.test.ts', test: 'the same bytes for the same question' },
    ],
  },
  {
    id: 'G6',
    promise:
      'Each request has the same few headers in the same order, without user agent or cookie. Each TLS handshake offers `h2` and `http/1.1`. No TLS session is resumed',
    proofs: [
      {
        file: 'test/protocol/upstream/upstream-requests.test.ts',
        test: 'a request has the headers that it needs and no others',
      },
      { file: 'test/tor/tls/connector.test.ts', test: 'h2 is offered first and http/1.1 second' },
      { file: 'test/tor/tls/connector.test.ts', test: 'no session is resumed' },
    ],
  },
  {
    id: 'G7',
    promise:
      'Replacing a circuit closes its connection, and the new one uses fresh SOCKS credentials, so Tor isolates it. Circuits end together, as [generations](circuits.md#generations), and no query is sent in two of them',
    proofs: [
      { file: 'test/leaks/upstream-connections.test.ts', test: 'G7: at the end of a circuit’s life' },
      { file: 'test/upstream/pool/generation.test.ts', test: 'finds no link across a rotation' },
    ],
  },
  {
    id: 'G8',
    promise:
      'No name that was looked up, over whatever transport, is in a log, a metric, the status page, an error or a file, and nothing is kept on disk. The service and the Debian package leave no core dump after a crash (started otherwise, `ulimit -c` decides)',
    proofs: [
      { file: 'test/leaks/phases.test.ts', test: 'G1, G8: no packet leaves but to loopback' },
      {
        file: 'test/systemd/units.test.ts',
        test: 'has no way out but its sockets and unix sockets, and leaves no core',
      },
      { file: 'test/leaks/encrypted.test.ts', test: 'G1, G8, G13: over DoT and DoH' },
      { file: 'test/leaks/upstream-connections.test.ts', test: 'and no file written' },
      { file: 'test/leaks/canary.test.ts', test: 'is found' },
      { file: 'test/protocol/machine/environment.test.ts', test: 'have no effect, and each is reported once' },
    ],
  },
  {
    id: 'G9',
    promise: 'A prefetch sends the same octets as the query before',
    proofs: [{ file: 'test/resolver/prefetch.test.ts', test: 'each variant is refreshed for itself' }],
  },
  {
    id: 'G10',
    promise: 'The length of each query to the resolver is a multiple of 128 octets, however long the name is',
    proofs: [{ file: 'test/message/upstream-query.test.ts', test: 'the query is a multiple of 128 octets' }],
  },
  {
    id: 'G11',
    promise:
      'Over TLS, answers are accepted only from the configured resolver: the chain, name and pin of its certificate are verified, whatever the environment says',
    proofs: [
      { file: 'test/tor/tls/connector.test.ts', test: 'NODE_TLS_REJECT_UNAUTHORIZED=0 admits' },
      { file: 'test/protocol/machine/environment.test.ts', test: 'no answer of an impostor' },
      { file: 'test/protocol/machine/environment.test.ts', test: 'have no effect, and each is reported once' },
    ],
  },
  {
    id: 'G12',
    promise:
      "If another user's program listens on Tor's port, nothing is sent to it, not even the resolver's name. If the owner is unknown, only a certificate for the resolver's own name is accepted",
    proofs: [
      { file: 'test/protocol/upstream/taken-port.test.ts', test: 'receives nothing and no answer of it is used' },
      { file: 'test/tor/socks/agent.test.ts', test: 'program receives neither the destination nor the credentials' },
      { file: 'test/tor/tls/connector.test.ts', test: 'a name that is accepted through Tor is refused' },
      { file: 'test/system/sockets/socks-owner.test.ts', test: 'listener is not accepted as Tor' },
    ],
  },
  {
    id: 'G13',
    promise:
      'The private key of DNS over TLS and HTTPS (`--tls-key`) is in no log, metric, page, error or other output',
    proofs: [
      { file: 'test/leaks/encrypted.test.ts', test: 'G13: no output has the private key' },
      { file: 'test/leaks/encrypted.test.ts', test: 'G1, G8, G13: over DoT and DoH' },
    ],
  },
];
