import type { Proof } from './promises.ts';

/** A small change to the source that breaks a promise, and the test that must fail because of it. */
export type Mutation = {
  /** The promise's. */
  readonly id: string;
  /** What the change makes dns4tor do. */
  readonly breach: string;
  /** From the root of the repository. */
  readonly file: string;
  readonly proof: Proof;
} & (
  | {
      /** Name of a comment `Leak mutation: …` in the file. The code is inserted below it. */
      readonly anchor: string;
      readonly code: string;
      /** Whether the code replaces the line below the comment. @default false */
      readonly instead?: boolean;
    }
  | {
      /** A directive or a name that is removed from the file; occurs in it once. */
      readonly without: string;
    }
);

const PHASES = 'test/leaks/phases.test.ts';
const ROUTES = 'test/leaks/routes.test.ts';
const CONNECTIONS = 'test/leaks/upstream-connections.test.ts';
const ENCRYPTED = 'test/leaks/encrypted.test.ts';

/** Asks the operating system for the address of a name. */
const lookUp = (name: string): string =>
  `await import('node:dns').then(({ promises }) => promises.lookup(${name})).catch(() => {});`;

/** Does something with the text of each question whose answer is cached. */
const withEachQuestion = (action: string): string =>
  `const insert = cache.insert.bind(cache);
  cache.insert = (query, answer, unasked) => {
    const text = String.fromCharCode(...query.wire);
    ${action}
    insert(query, answer, unasked);
  };`;

const ENVIRONMENT_PROOF: Proof = {
  file: 'test/protocol/machine/environment.test.ts',
  test: 'have no effect, and each is reported once',
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
    anchor: 'start',
    code: "void fetch('http://203.0.113.1/').catch(() => {});",
    proof: { file: PHASES, test: 'start$' },
  },
  {
    id: 'G1',
    breach: 'looks up the name that stands where an address must',
    file: 'src/cli/commands/proxy-dns-command.ts',
    anchor: 'settings',
    code: `for (const name of flags['address'] ?? []) ${lookUp('name')}`,
    proof: { file: PHASES, test: 'bad configuration: it fails closed' },
  },
  {
    id: 'G1',
    breach: 'compares, in `check`, with what the operating system finds',
    file: 'src/cli/commands/check-command.ts',
    anchor: 'results',
    code: lookUp("'example.com'"),
    proof: { file: PHASES, test: 'dns4tor check: with a daemon' },
  },
  {
    id: 'G1',
    breach: 'compares, in `check` while Tor is down, with what the operating system finds',
    file: 'src/cli/commands/check-command.ts',
    anchor: 'results',
    code: `if (failed > 0) ${lookUp("'example.com'")}`,
    proof: { file: PHASES, test: 'dns4tor check while Tor is down' },
  },
  {
    id: 'G1',
    breach: 'tries, in `install --dry-run`, whether names are resolved by now',
    file: 'src/cli/commands/install-command.ts',
    anchor: 'dry run',
    code: lookUp("'example.com'"),
    proof: { file: PHASES, test: 'dns4tor install --dry-run' },
  },
  {
    id: 'G1',
    breach: 'looks up, in `query`, the name of the server that it is to ask',
    file: 'src/cli/commands/query/query-command.ts',
    anchor: 'question',
    code: lookUp("question.server ?? ''"),
    proof: { file: PHASES, test: 'dns4tor query: to the daemon' },
  },
  {
    id: 'G1',
    breach: 'has, as a service, the network of the machine',
    file: 'systemd/dns4tor.service',
    without: 'PrivateNetwork=yes\n',
    proof: UNIT_PROOF,
  },
  {
    id: 'G1',
    breach: 'gives tor the bridges, but lets it connect to public relays',
    file: 'src/tor/process/torrc.ts',
    without: "    'UseBridges 1',\n",
    proof: { file: 'test/leaks/bridge.test.ts', test: 'start$' },
  },
  {
    id: 'G2',
    breach: 'looks the resolver up itself, and gives Tor the address',
    file: 'src/tor/socks/agent.ts',
    anchor: 'destination',
    code: "destination: { host: await import('node:dns').then(async ({ promises }) => (await promises.lookup(host)).address), port },",
    instead: true,
    proof: { file: CONNECTIONS, test: 'G2, G8: of a resolver at a name' },
  },
  {
    id: 'G2',
    breach: 'looks the resolver up besides giving Tor the name',
    file: 'src/tor/socks/agent.ts',
    anchor: 'connect',
    code: "void import('node:dns').then(({ promises }) => promises.lookup(host)).catch(ignore);",
    proof: { file: CONNECTIONS, test: 'G2, G8: of a resolver at a name' },
  },
  {
    id: 'G3',
    breach: 'connects directly where Tor is gone',
    file: 'src/tor/socks/agent.ts',
    anchor: 'unreachable',
    code: "connectTo({ kind: 'tcp', host, port }).on('error', ignore);",
    proof: { file: PHASES, test: 'G3: Tor down' },
  },
  {
    id: 'G3',
    breach: 'asks in plain DNS where the resolver cannot be reached',
    file: 'src/resolver/forward.ts',
    anchor: 'failure',
    code: "void import('node:dgram').then((dgram) => dgram.createSocket('udp4').on('error', () => {}).send(wire, 53, '203.0.113.1'));",
    proof: { file: PHASES, test: 'G3: Tor down' },
  },
  {
    id: 'G1',
    breach: 'asks the server of a route for all names',
    file: 'src/upstream/routes/routed-upstream.ts',
    anchor: 'route',
    code: 'for (const other of this.#live.values()) if (route === undefined) void this.#askRoute(other, query, context).catch(() => {});',
    proof: { file: ROUTES, test: 'normal service' },
  },
  {
    id: 'G3',
    breach: 'sends a name through Tor if the servers of its route do not answer',
    file: 'src/upstream/routes/routed-upstream.ts',
    anchor: 'fallback',
    code: 'if (live.servers.length > 0) return await this.#components.tor.exchange(query, context);',
    proof: { file: ROUTES, test: 'a server that is silent' },
  },
  {
    id: 'G3',
    breach: 'asks the server of a route if Tor is down',
    file: 'src/upstream/routes/routed-upstream.ts',
    anchor: 'route',
    code: 'if (route === undefined) return this.#components.tor.exchange(query, context).catch((error: unknown) => Promise.any([...this.#live.values()].map((live) => this.#askRoute(live, query, context))).catch(() => Promise.reject(error)));',
    proof: { file: ROUTES, test: 'Tor down: its names fail' },
  },
  {
    id: 'G4',
    breach: 'asks for .onion names like for any others',
    file: 'src/policy/special-use-zones.ts',
    anchor: 'onion',
    code: '',
    instead: true,
    proof: {
      file: 'test/protocol/messages/local-names.test.ts',
      test: 'onion is NXDOMAIN|upstream has seen none of these names',
    },
  },
  {
    id: 'G5',
    breach: 'passes the spelling of the client on',
    file: 'src/message/upstream-query.ts',
    anchor: 'case',
    code: 'for (let i = 0; i < nameBytes; i++) query[HEADER_BYTES + i] = lowerCase(0) + (question[i] as number);',
    instead: true,
    proof: { file: 'test/message/upstream-query.test.ts', test: 'the same question from clients of any kind' },
  },
  {
    id: 'G5',
    breach: 'passes the ID of the client on',
    file: 'src/resolver/forward.ts',
    anchor: 'upstream query',
    code: 'sent.set(wire.subarray(0, 2));',
    proof: { file: 'test/protocol/upstream/upstream-requests.test.ts', test: 'the same bytes for the same question' },
  },
  {
    id: 'G6',
    breach: 'says what program it is',
    file: 'src/upstream/transport/doh-request.ts',
    anchor: 'headers',
    code: "headers.unshift('user-agent', 'dns4tor');",
    proof: {
      file: 'test/protocol/upstream/upstream-requests.test.ts',
      test: 'a request has the headers that it needs and no others',
    },
  },
  {
    id: 'G6',
    breach: 'resumes TLS sessions',
    file: 'src/tor/tls/connector.ts',
    anchor: 'session',
    code: "socket.on('session', (session) => ((options as { session?: Buffer }).session = session));",
    proof: { file: 'test/tor/tls/connector.test.ts', test: 'no session is resumed' },
  },
  {
    id: 'G7',
    breach: 'is the same user to Tor on every connection',
    file: 'src/daemon/upstreams.ts',
    anchor: 'credentials',
    code: "Object.assign(credentials, { username: 'same', password: 'same' });",
    proof: { file: CONNECTIONS, test: 'G7: at the end of a circuit’s life' },
  },
  {
    id: 'G7',
    breach: 'keeps a connection for as long as it lasts',
    file: 'src/upstream/pool/connection-pool.ts',
    anchor: 'lifetime',
    code: 'this.#timer = clock.schedule(2 ** 30 * jitter, () => this.#endOfLife());',
    instead: true,
    proof: { file: CONNECTIONS, test: 'G7: at the end of a circuit’s life' },
  },
  {
    id: 'G7',
    breach: 'sends a query also on the generation of circuits that is being replaced',
    file: 'src/upstream/pool/connection-pool.ts',
    anchor: 'generation',
    code: 'if (this.#draining.size > 0) return Promise.any([this.#current, ...this.#draining.keys()].map((each) => each.exchange(query, context)));',
    proof: { file: 'test/upstream/pool/generation.test.ts', test: 'finds no link across a rotation' },
  },
  {
    id: 'G8',
    breach: 'logs what is asked',
    file: 'src/resolver/forward.ts',
    anchor: 'exchange',
    code: 'process.stderr.write(`asked for ${octetString(wire)}\\n`);',
    proof: { file: PHASES, test: 'normal service' },
  },
  {
    id: 'G8',
    breach: 'logs the URLs of requests over DoH',
    file: 'src/listener/doh/request-head.ts',
    anchor: 'request',
    code: 'process.stderr.write(`${head.method} ${head.target}\\n`);',
    proof: { file: ENCRYPTED, test: 'names and types of all kinds' },
  },
  {
    id: 'G8',
    breach: 'logs the URLs of requests over DoH that it refuses',
    file: 'src/listener/doh/request-head.ts',
    anchor: 'request',
    code: 'if (!head.target.startsWith(`${path}?dns=`)) process.stderr.write(`${head.method} ${head.target}\\n`);',
    proof: { file: ENCRYPTED, test: 'requests that are refused' },
  },
  {
    id: 'G8',
    breach: 'keeps what was asked on disk',
    file: 'src/resolver/forward.ts',
    anchor: 'exchange',
    code: "void import('node:fs').then((fs) => fs.appendFileSync('asked', wire));",
    proof: { file: CONNECTIONS, test: 'and no file written' },
  },
  {
    id: 'G8',
    breach: 'says in the metrics what was asked',
    file: 'src/daemon/service.ts',
    anchor: 'cache',
    code: withEachQuestion('(counters.upstreams as string[])[0] = text;'),
    proof: { file: PHASES, test: 'normal service' },
  },
  {
    id: 'G8',
    breach: 'says on the status page what was asked',
    file: 'src/daemon/monitoring.ts',
    anchor: 'status',
    code: withEachQuestion(
      'const { snapshot } = Status.prototype;\n    Status.prototype.snapshot = function () {\n      return { ...snapshot.call(this), reason: text };\n    };',
    ),
    proof: { file: PHASES, test: 'normal service' },
  },
  {
    id: 'G8',
    breach: 'quotes the question in an Extended DNS Error',
    file: 'src/resolver/pipeline.ts',
    anchor: 'extended error',
    code: 'const replyBytes = shapeReply(query, rcode, reply, { code: 22, ...extendedErrorOf(code), text: String.fromCharCode(...query.wire) }, provenance);',
    instead: true,
    proof: { file: PHASES, test: 'a start while Tor is down' },
  },
  {
    id: 'G8',
    breach: 'leaves a core dump when it crashes, as the package starts it',
    file: 'packaging/deb/launcher.sh',
    without: 'ulimit -c 0\n',
    proof: { file: PHASES, test: 'a crash, with questions on their way' },
  },
  {
    id: 'G8',
    breach: 'leaves a core dump when it crashes, as a service',
    file: 'systemd/dns4tor.service',
    without: 'LimitCORE=0\n',
    proof: UNIT_PROOF,
  },
  {
    id: 'G8',
    breach: 'lets NODE_DEBUG log Node’s internals, with the octets of each answer',
    file: 'src/launch/launch.sh',
    without: 'NODE_DEBUG ',
    proof: ENVIRONMENT_PROOF,
  },
  {
    id: 'G9',
    breach: 'asks ahead for another type as well',
    file: 'src/resolver/forward.ts',
    anchor: 'prefetch',
    code: 'void this.#components.upstream.exchange(buildUpstreamQuery(query.wire.subarray(HEADER_BYTES, query.scan.questionEnd).with(-3, 28), false, false), { deadline: new Deadline(this.#components.clock, Infinity) }).catch(() => {});',
    proof: { file: 'test/resolver/prefetch.test.ts', test: 'each variant is refreshed for itself' },
  },
  {
    id: 'G10',
    breach: 'pads to half of the length',
    file: 'src/message/upstream-query.ts',
    anchor: 'padding',
    code: 'const PADDING_BLOCK_BYTES = 64;',
    instead: true,
    proof: { file: 'test/message/upstream-query.test.ts', test: 'the query is a multiple of 128 octets' },
  },
  {
    id: 'G11',
    breach: 'lets the environment turn off certificate verification',
    file: 'src/tor/tls/connector.ts',
    anchor: 'verification',
    code: '',
    instead: true,
    proof: { file: 'test/tor/tls/connector.test.ts', test: 'NODE_TLS_REJECT_UNAUTHORIZED=0 admits' },
  },
  {
    id: 'G11',
    breach: 'trusts the authorities that NODE_EXTRA_CA_CERTS names',
    file: 'src/launch/launch.sh',
    without: 'NODE_EXTRA_CA_CERTS ',
    proof: ENVIRONMENT_PROOF,
  },
  {
    id: 'G12',
    breach: 'talks to any program that took over Tor’s port',
    file: 'src/tor/socks/socks-peer.ts',
    anchor: 'peer',
    code: "if ((await judge(address, connection)) === 'foreign') return 'tor';",
    proof: {
      file: 'test/tor/socks/agent.test.ts',
      test: 'program receives neither the destination nor the credentials',
    },
  },
  {
    id: 'G12',
    breach: 'trusts every user like Tor’s',
    file: 'src/system/sockets/tor-users.ts',
    anchor: 'user',
    code: "if (uid > 0) return 'tor';",
    proof: { file: 'test/protocol/upstream/taken-port.test.ts', test: 'receives nothing and no answer of it is used' },
  },
  {
    id: 'G12',
    breach: 'accepts the resolver’s further names without Tor',
    file: 'src/tor/tls/tls-identity.ts',
    anchor: 'names',
    code: 'const names = isThroughTor || identity.names.length > 0 ? [...identity.names, ...identity.namesThroughTor] : identity.names;',
    instead: true,
    proof: { file: 'test/tor/tls/connector.test.ts', test: 'a name that is accepted through Tor is refused' },
  },
  {
    id: 'G13',
    breach: 'quotes the private key that it cannot read',
    file: 'src/config/parse/server-certificate.ts',
    anchor: 'key',
    code: 'if (file.value.length > 0) return refuse(path, `holds no private key: ${file.value}`);',
    proof: { file: ENCRYPTED, test: 'G13: no output has the private key' },
  },
  {
    id: 'G13',
    breach: 'logs the private key',
    file: 'src/listener/tls/server-identity.ts',
    anchor: 'identity',
    code: "process.stderr.write(String(key.export({ type: 'pkcs8', format: 'pem' })));",
    proof: { file: ENCRYPTED, test: 'names and types of all kinds' },
  },
];

/**
 * Applies the mutation.
 * @throws if the anchor or the text to remove does not occur exactly once
 */
export function mutate(source: string, mutation: Mutation): string {
  const { id, file } = mutation;
  const text = 'anchor' in mutation ? `// Leak mutation: ${mutation.anchor}\n` : mutation.without;
  const [before = '', after = '', ...more] = source.split(text);
  const times = source.includes(text) ? 1 + more.length : 0;
  if (times !== 1) throw new Error(`${id}: ${file} has this ${times} times, not once: ${text}`);
  if ('without' in mutation) return before + after;
  const kept = mutation.instead === true ? after.slice(after.indexOf('\n') + 1) : after;
  return `${before}${mutation.code}\n${kept}`;
}
