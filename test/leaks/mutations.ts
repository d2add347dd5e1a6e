import type { Proof } from './promises.ts';

/** A small change to the source that breaks a promise, and the test that must fail because of it. */
export interface Mutation {
  /** The promise's. */
  readonly id: string;
  /** What the change makes dns4tor do. */
  readonly breach: string;
  /** From the root of the repository. */
  readonly file: string;
  /** Occurs once in the file. */
  readonly text: string;
  readonly replacement: string;
  readonly proof: Proof;
}

const PHASES = 'test/leaks/phases.test.ts';
const CONNECTIONS = 'test/leaks/upstream-connections.test.ts';

const TLS_SOCKET = 'socket: raw,\n      });';
const NO_ROUTE = "throw new Dns4torError('ERR_TOR_UNREACHABLE', `${formatTorAddress(socks)} (${error.code})`, error);";
const CAUGHT = 'const { code } = toDns4torError(thrown);\n      if (OF';
const EXCHANGE = 'let path: AnswerPath | undefined;';
const ACCESS = 'const isAllowed = createAccessList(config.allow);';

/** Asks the operating system for the address of a name. */
const lookUp = (name: string): string =>
  `await import('node:dns').then(({ promises }) => promises.lookup(${name})).catch(() => {});`;

/** Does something with the text of each question whose answer is kept. */
const withEachQuestion = (action: string): string =>
  `const insert = cache.insert.bind(cache);
  cache.insert = (query, answer, unasked) => {
    const text = String.fromCharCode(...query.wire);
    ${action}
    insert(query, answer, unasked);
  };
  ${ACCESS}`;

const ENVIRONMENT_PROOF: Proof = {
  file: 'test/protocol/environment.test.ts',
  test: 'have no effect, and each is told of once',
};

const UNIT_PROOF: Proof = {
  file: 'test/systemd/units.test.ts',
  test: 'has no way out but its sockets and unix sockets, and leaves no core',
};

export const MUTATIONS: readonly Mutation[] = [
  {
    id: 'G1',
    breach: 'looks at start whether there is a network',
    file: 'src/daemon/service.ts',
    text: 'tor.resolve(opened);',
    replacement: "tor.resolve(opened);\n  void fetch('http://203.0.113.1/').catch(() => {});",
    proof: { file: PHASES, test: 'start$' },
  },
  {
    id: 'G1',
    breach: 'looks up the name that stands where an address must',
    file: 'src/cli/commands/proxy-dns-command.ts',
    text: 'const loaded = loadSettings({ flags, env: process.env });',
    replacement: `const loaded = loadSettings({ flags, env: process.env });
    for (const name of flags['address'] ?? []) ${lookUp('name')}`,
    proof: { file: PHASES, test: 'bad configuration: it fails closed' },
  },
  {
    id: 'G1',
    breach: 'compares, in `check`, with what the operating system finds',
    file: 'src/cli/commands/check-command.ts',
    text: 'const results = await check(config);',
    replacement: `const results = await check(config);\n    ${lookUp("'example.com'")}`,
    proof: { file: PHASES, test: 'dns4tor check: of the daemon' },
  },
  {
    id: 'G1',
    breach: 'compares, in `check` while Tor is down, with what the operating system finds',
    file: 'src/cli/commands/check-command.ts',
    text: 'if (failed > 0) throw',
    replacement: `if (failed > 0) ${lookUp("'example.com'")}\n    if (failed > 0) throw`,
    proof: { file: PHASES, test: 'dns4tor check while Tor is down' },
  },
  {
    id: 'G1',
    breach: 'tries, in `install --dry-run`, whether names are resolved by now',
    file: 'src/cli/commands/install-command.ts',
    text: 'if (dryRun === true) {',
    replacement: `if (dryRun === true) {\n        ${lookUp("'example.com'")}`,
    proof: { file: PHASES, test: 'dns4tor install --dry-run' },
  },
  {
    id: 'G1',
    breach: 'looks up, in `query`, the name of the server that it is to ask',
    file: 'src/cli/commands/query-command.ts',
    text: 'const question = readQueryWords(words, x);',
    replacement: `const question = readQueryWords(words, x);\n    ${lookUp("question.server ?? ''")}`,
    proof: { file: PHASES, test: 'dns4tor query: of the daemon' },
  },
  {
    id: 'G1',
    breach: 'has, as a service, the network of the machine',
    file: 'systemd/dns4tor.service',
    text: 'PrivateNetwork=yes\n',
    replacement: '',
    proof: UNIT_PROOF,
  },
  {
    id: 'G2',
    breach: 'looks the resolver up itself, and gives Tor the address',
    file: 'src/tor/socks/agent.ts',
    text: 'destination: { host, port },',
    replacement:
      "destination: { host: await import('node:dns').then(async ({ promises }) => (await promises.lookup(host)).address), port },",
    proof: { file: CONNECTIONS, test: 'G2, G8: of a resolver at a name' },
  },
  {
    id: 'G2',
    breach: 'looks the resolver up besides giving Tor the name',
    file: 'src/tor/socks/agent.ts',
    text: 'const socket = connectTo(socks);',
    replacement:
      "void import('node:dns').then(({ promises }) => promises.lookup(host)).catch(ignore);\n    const socket = connectTo(socks);",
    proof: { file: CONNECTIONS, test: 'G2, G8: of a resolver at a name' },
  },
  {
    id: 'G3',
    breach: 'connects directly where Tor is gone',
    file: 'src/tor/socks/agent.ts',
    text: NO_ROUTE,
    replacement: `connectTo({ kind: 'tcp', host, port }).on('error', ignore);\n        ${NO_ROUTE}`,
    proof: { file: PHASES, test: 'G3: Tor down' },
  },
  {
    id: 'G3',
    breach: 'asks in plain DNS where the resolver cannot be reached',
    file: 'src/resolver/forward.ts',
    text: CAUGHT,
    replacement: `void import('node:dgram').then((dgram) => dgram.createSocket('udp4').on('error', () => {}).send(wire, 53, '203.0.113.1'));\n      ${CAUGHT}`,
    proof: { file: PHASES, test: 'G3: Tor down' },
  },
  {
    id: 'G4',
    breach: 'asks for .onion names like for any others',
    file: 'src/policy/special-use-zones.ts',
    text: "    'onion', // RFC 7686 §2\n",
    replacement: '',
    proof: {
      file: 'test/protocol/local-names.test.ts',
      test: 'onion is NXDOMAIN|upstream has seen none of these names',
    },
  },
  {
    id: 'G5',
    breach: 'passes the spelling of the client on',
    file: 'src/message/upstream-query.ts',
    text: 'lowerCase(question[i] as number)',
    replacement: 'lowerCase(0) + (question[i] as number)',
    proof: { file: 'test/message/upstream-query.test.ts', test: 'the same question from clients of any kind' },
  },
  {
    id: 'G5',
    breach: 'passes the ID of the client on',
    file: 'src/resolver/forward.ts',
    text: 'const sent = buildUpstreamQuery(question, scan.dnssecOk, (flagsOf(wire) & FLAG.CD) !== 0);',
    replacement:
      'const sent = buildUpstreamQuery(question, scan.dnssecOk, (flagsOf(wire) & FLAG.CD) !== 0);\n  sent.set(wire.subarray(0, 2));',
    proof: { file: 'test/protocol/upstream-requests.test.ts', test: 'the same bytes for the same question' },
  },
  {
    id: 'G6',
    breach: 'says what program it is',
    file: 'src/upstream/transport/doh-request.ts',
    text: "const headers = ['accept',",
    replacement: "const headers = ['user-agent', 'dns4tor', 'accept',",
    proof: {
      file: 'test/protocol/upstream-requests.test.ts',
      test: 'a request has the headers that it needs and no others',
    },
  },
  {
    id: 'G6',
    breach: 'resumes TLS sessions',
    file: 'src/tor/tls/connector.ts',
    text: TLS_SOCKET,
    replacement: `${TLS_SOCKET}\n      socket.on('session', (session) => ((options as { session?: Buffer }).session = session));`,
    proof: { file: 'test/tor/tls/connector.test.ts', test: 'no session is resumed' },
  },
  {
    id: 'G7',
    breach: 'is the same user to Tor on every connection',
    file: 'src/daemon/upstreams.ts',
    text: '?? (() => createIsolationCredentials(random));',
    replacement: "?? (() => ({ ...createIsolationCredentials(random), username: 'same', password: 'same' }));",
    proof: { file: CONNECTIONS, test: 'G7: at the end of a circuit’s life' },
  },
  {
    id: 'G7',
    breach: 'keeps a connection for as long as it lasts',
    file: 'src/upstream/pool/circuit-pool.ts',
    text: 'clock.schedule(this.#init.lifetimeMs * jitter, () => this.#endOfLife())',
    replacement: 'clock.schedule(2 ** 30 * jitter, () => this.#endOfLife())',
    proof: { file: CONNECTIONS, test: 'G7: at the end of a circuit’s life' },
  },
  {
    id: 'G7',
    breach: 'sends a query also on the generation of circuits that is being replaced',
    file: 'src/upstream/pool/circuit-pool.ts',
    text: 'return this.#current.exchange(query, context);',
    replacement:
      'return Promise.any([this.#current, ...this.#draining.keys()].map((each) => each.exchange(query, context)));',
    proof: { file: 'test/upstream/generations.test.ts', test: 'finds no link across a rotation' },
  },
  {
    id: 'G8',
    breach: 'logs what is asked',
    file: 'src/resolver/forward.ts',
    text: EXCHANGE,
    replacement: `process.stderr.write(\`asked for \${octetString(wire)}\\n\`);\n    ${EXCHANGE}`,
    proof: { file: PHASES, test: 'normal service' },
  },
  {
    id: 'G8',
    breach: 'keeps what was asked on disk',
    file: 'src/resolver/forward.ts',
    text: EXCHANGE,
    replacement: `void import('node:fs').then((fs) => fs.appendFileSync('asked', wire));\n    ${EXCHANGE}`,
    proof: { file: CONNECTIONS, test: 'and no file written' },
  },
  {
    id: 'G8',
    breach: 'says in the metrics what was asked',
    file: 'src/daemon/service.ts',
    text: ACCESS,
    replacement: withEachQuestion('(counters.upstreams as string[])[0] = text;'),
    proof: { file: PHASES, test: 'normal service' },
  },
  {
    id: 'G8',
    breach: 'says on the status page what was asked',
    file: 'src/daemon/service.ts',
    text: ACCESS,
    replacement: withEachQuestion(
      'const { snapshot } = Status.prototype;\n    Status.prototype.snapshot = function () {\n      return { ...snapshot.call(this), reason: text };\n    };',
    ),
    proof: { file: PHASES, test: 'normal service' },
  },
  {
    id: 'G8',
    breach: 'quotes the question in an Extended DNS Error',
    file: 'src/resolver/pipeline.ts',
    text: 'shapeReply(query, rcode, reply, extendedErrorOf(code), how)',
    replacement:
      'shapeReply(query, rcode, reply, { code: 22, ...extendedErrorOf(code), text: String.fromCharCode(...query.wire) }, how)',
    proof: { file: PHASES, test: 'a start while Tor is down' },
  },
  {
    id: 'G8',
    breach: 'leaves a core dump when it crashes, as the package starts it',
    file: 'packaging/deb/launcher.sh',
    text: 'ulimit -c 0\n',
    replacement: '',
    proof: { file: PHASES, test: 'a crash, with questions on their way' },
  },
  {
    id: 'G8',
    breach: 'leaves a core dump when it crashes, as a service',
    file: 'systemd/dns4tor.service',
    text: 'LimitCORE=0\n',
    replacement: '',
    proof: UNIT_PROOF,
  },
  {
    id: 'G8',
    breach: 'lets NODE_DEBUG log Node’s internals, with the octets of each answer',
    file: 'bin/launch.sh',
    text: ' NODE_DEBUG ',
    replacement: ' ',
    proof: ENVIRONMENT_PROOF,
  },
  {
    id: 'G9',
    breach: 'asks ahead for another type as well',
    file: 'src/resolver/forward.ts',
    text: "metrics.prefetched('sent');",
    replacement:
      "metrics.prefetched('sent');\n    void this.#components.upstream.exchange(buildUpstreamQuery(query.wire.subarray(HEADER_BYTES, query.scan.questionEnd).with(-3, 28), false, false), { deadline: new Deadline(this.#components.clock, Infinity) }).catch(() => {});",
    proof: { file: 'test/resolver/prefetch.test.ts', test: 'each variant is refreshed for itself' },
  },
  {
    id: 'G10',
    breach: 'pads to half of the length',
    file: 'src/message/upstream-query.ts',
    text: 'const PADDING_BLOCK_BYTES = 128;',
    replacement: 'const PADDING_BLOCK_BYTES = 64;',
    proof: { file: 'test/message/upstream-query.test.ts', test: 'the query is a multiple of 128 octets' },
  },
  {
    id: 'G11',
    breach: 'lets the environment turn off certificate verification',
    file: 'src/tor/tls/connector.ts',
    text: '        rejectUnauthorized: true,\n',
    replacement: '',
    proof: { file: 'test/tor/tls/connector.test.ts', test: 'NODE_TLS_REJECT_UNAUTHORIZED=0 admits' },
  },
  {
    id: 'G11',
    breach: 'trusts the authorities that NODE_EXTRA_CA_CERTS names',
    file: 'bin/launch.sh',
    text: ' NODE_EXTRA_CA_CERTS ',
    replacement: ' ',
    proof: ENVIRONMENT_PROOF,
  },
  {
    id: 'G12',
    breach: 'talks to any program that took over Tor’s port',
    file: 'src/tor/socks/socks-peer.ts',
    text: 'const standing = await Promise.race([judge(address, connection), closed]);',
    replacement:
      "const found = await Promise.race([judge(address, connection), closed]);\n    const standing = (found === 'foreign' ? 'tor' : found) as PeerStanding;",
    proof: {
      file: 'test/tor/socks/agent.test.ts',
      test: 'program receives neither the destination nor the credentials',
    },
  },
  {
    id: 'G12',
    breach: 'trusts every user like Tor’s',
    file: 'src/system/sockets/tor-users.ts',
    text: "readTorUids().has(uid) ? 'tor' : 'foreign'",
    replacement: "readTorUids().has(uid) ? 'tor' : 'tor'",
    proof: { file: 'test/protocol/taken-port.test.ts', test: 'receives nothing and no answer of it is used' },
  },
  {
    id: 'G12',
    breach: 'accepts the resolver’s further names without Tor',
    file: 'src/tor/tls/tls-identity.ts',
    text: 'const names = isThroughTor ?',
    replacement: 'const names = isThroughTor || identity.names.length > 0 ?',
    proof: { file: 'test/tor/tls/connector.test.ts', test: 'a name that is accepted through Tor is refused' },
  },
];

/** The source with the mutation in it. Throws where the text to be replaced is not there exactly once. */
export function mutate(source: string, { id, file, text, replacement }: Mutation): string {
  const parts = source.split(text);
  if (parts.length !== 2) throw new Error(`${id}: ${file} holds this ${parts.length - 1} times, not once: ${text}`);
  return parts.join(replacement);
}
