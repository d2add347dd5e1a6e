/** A test that fails when a promise is broken. */
export interface Proof {
  /** From the root of the repository. */
  readonly file: string;
  /** What its name holds. */
  readonly test: string;
}

export interface Promised {
  readonly id: string;
  /** As README says it. */
  readonly promise: string;
  readonly proofs: readonly Proof[];
}

/** What is promised about privacy, and what proves it. README's table is this one. */
export const PROMISES: readonly Promised[] = [
  {
    id: 'G1',
    promise:
      'No packet goes anywhere but to this machine itself and to Tor: not at start, while Tor or the resolver is down, with a wrong configuration, after a crash, nor while it is upgraded; nor from `query`, `check` and `install --dry-run`',
    proofs: [
      { file: 'test/leaks/phases.test.ts', test: 'G1, G8: no packet leaves but to loopback' },
      {
        file: 'test/systemd/units.test.ts',
        test: 'has no way out but its sockets and unix sockets, and leaves no core',
      },
      { file: 'test/leaks/namespace.test.ts', test: 'where nobody sends, nothing is counted' },
    ],
  },
  {
    id: 'G2',
    promise: 'The resolver is reached through Tor by its name, and the operating system is asked for no name at all',
    proofs: [{ file: 'test/leaks/upstream-connections.test.ts', test: 'G2, G8: of a resolver at' }],
  },
  {
    id: 'G3',
    promise:
      'There is no fallback to plain DNS, to a direct connection or to another resolver: without Tor there is an expired answer, or none',
    proofs: [{ file: 'test/leaks/phases.test.ts', test: 'G3: Tor down' }],
  },
  {
    id: 'G4',
    promise:
      'Names that mean something only here [never leave](#names-that-are-answered-here). Of `.onion`, `.local`, `.test`, `.invalid` and `localhost` no query does; of the other zones and of names without a dot only those about the delegation itself: DS of the zone, and NS, SOA, DS and DNSKEY of a single label',
    proofs: [{ file: 'test/protocol/local-names.test.ts', test: 'upstream has seen none of these names' }],
  },
  {
    id: 'G5',
    promise: 'A question looks the same to the resolver whichever program or machine asked it',
    proofs: [
      { file: 'test/message/upstream-query.test.ts', test: 'the same question from clients of any kind' },
      { file: 'test/protocol/upstream-requests.test.ts', test: 'the same bytes for the same question' },
    ],
  },
  {
    id: 'G6',
    promise: 'Each request has the same few headers: no user agent, no cookie; no TLS session is resumed',
    proofs: [
      {
        file: 'test/protocol/upstream-requests.test.ts',
        test: 'a request has the headers that it needs and no others',
      },
      { file: 'test/tor/connector.test.ts', test: 'no session is resumed' },
    ],
  },
  {
    id: 'G7',
    promise: 'A circuit that is replaced takes its connection along, and the next is another user to Tor',
    proofs: [{ file: 'test/leaks/upstream-connections.test.ts', test: 'G7: at the end of a circuit’s life' }],
  },
  {
    id: 'G8',
    promise:
      'No name that was asked for is in a log, a metric, the status page, an error or a file, and nothing is kept on disk; after a crash no core dump either, as a service and from the Debian package (started otherwise, `ulimit -c` decides)',
    proofs: [
      { file: 'test/leaks/phases.test.ts', test: 'G1, G8: no packet leaves but to loopback' },
      {
        file: 'test/systemd/units.test.ts',
        test: 'has no way out but its sockets and unix sockets, and leaves no core',
      },
      { file: 'test/leaks/upstream-connections.test.ts', test: 'and no file written' },
      { file: 'test/leaks/canary.test.ts', test: 'is found' },
      { file: 'test/protocol/environment.test.ts', test: 'have no effect, and each is told of once' },
    ],
  },
  {
    id: 'G9',
    promise: 'What is asked for ahead of need is what was asked before, octet for octet',
    proofs: [{ file: 'test/resolver/prefetch.test.ts', test: 'each variant is refreshed for itself' }],
  },
  {
    id: 'G10',
    promise: 'The length of what is sent is a multiple of 128 octets, however long the name',
    proofs: [{ file: 'test/message/upstream-query.test.ts', test: 'the query is a multiple of 128 octets' }],
  },
  {
    id: 'G11',
    promise:
      "No answer is taken over TLS from anyone but the configured resolver: its certificate's chain, name and pin are verified, whatever the environment says",
    proofs: [
      { file: 'test/tor/connector.test.ts', test: 'NODE_TLS_REJECT_UNAUTHORIZED=0 lets in' },
      { file: 'test/protocol/environment.test.ts', test: 'no answer of an impostor' },
      { file: 'test/protocol/environment.test.ts', test: 'have no effect, and each is told of once' },
    ],
  },
  {
    id: 'G12',
    promise:
      'A program of another user that listens where Tor did is told nothing, not even which resolver is wanted; where nobody knows whose it is, only a certificate for the resolver’s own name is accepted',
    proofs: [
      { file: 'test/protocol/taken-port.test.ts', test: 'told nothing and gives no answer' },
      { file: 'test/tor/agent.test.ts', test: 'a program of another user is told nothing' },
      { file: 'test/tor/connector.test.ts', test: 'a name that does where Tor leads' },
      { file: 'test/system/socks-peer.test.ts', test: 'what another user listens with is not taken for Tor' },
    ],
  },
];

/** The row of README's table. */
export function rowOf({ id, promise, proofs }: Promised): string {
  const files = [...new Set(proofs.map(({ file }) => file))];
  return `| ${id} | ${promise} | ${files.map((file) => `[${file.replace(/^test\//, '')}](${file})`).join(', ')} |`;
}
