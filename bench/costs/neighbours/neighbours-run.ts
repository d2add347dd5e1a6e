// Run by neighbours.ts in a network namespace. Plays each scene against freshly started servers and writes the rows as
// JSON.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import process from 'node:process';
import { delay, systemClock } from '../../../src/lib/clock.ts';
import { buildQuery } from '../../../test/fixtures/dns/messages.ts';
import { runProgram } from '../../../test/fixtures/process/run-program.ts';
import { waitUntil } from '../../../test/fixtures/wait-until.ts';
import { askAsVictim, type Party, Siege, type Victim } from '../../../test/protocol/clients/hostile-neighbours.ts';
import { startLab } from '../../../test/protocol/lab.ts';
import { ADDRESSES } from '../../../test/protocol/namespaced.ts';
import { connectRaw, type Endpoint, type RawClient } from '../../../test/protocol/raw-client.ts';
import { say } from '../../progress.ts';
import { startPeer, UNBOUND_PROCESS } from '../servers/peers.ts';
import { typicalAnswerTo } from '../servers/typical-answers.ts';
import type { NeighboursRow } from './neighbours-report.ts';

const isQuick = process.argv.includes('--quick');
const { ipv4, ipv6 } = ADDRESSES;
const TEN_ADDRESSES = Array.from({ length: 10 }, (_, i) => `192.0.2.${i + 20}`);
const EIGHT_OF_ONE_NETWORK = Array.from({ length: 8 }, (_, i) => `2001:db8:0:1::${i + 1}`);
const SERVER_ADDRESSES = ['127.0.0.1', ipv4.server, ipv6.server];

/** Response time of the upstream for names that begin with {@link SLOW_LABEL}: longer than a scene. */
const SLOW_MS = 8000;
const SLOW_LABEL = 'hang';
const FIRST_CHARACTER = 13;
const SLOW_QUERIES_OF_EACH = 256;
const LOCAL_ID = 0xffff;

const PATIENCE_MS = 4000;
const VICTIM = isQuick ? { queries: 3, paceMs: 20 } : { queries: 25, paceMs: 40 };

interface Scene {
  readonly title: string;
  /** Server address that the victim queries; the neighbours use the same one. */
  readonly victim: Omit<Endpoint, 'port'>;
  readonly parties: readonly Party[];
  /** Client addresses that each fill their limit of queries in flight with names that the upstream answers too late. */
  readonly greedy?: readonly string[];
}

const LOCAL: Scene['victim'] = {};
const REMOTE: Scene['victim'] = { address: ipv4.server, from: ipv4.insider };

const SCENES: readonly Scene[] = [
  { title: '20 silent, of this machine', victim: LOCAL, parties: [{ manner: 'silent', connections: 20 }] },
  {
    title: '160 silent, ten addresses',
    victim: REMOTE,
    parties: [{ manner: 'silent', connections: 160, from: TEN_ADDRESSES }],
  },
  {
    title: '64 silent, eight of one /64',
    victim: { address: ipv6.server, from: ipv6.insider },
    parties: [{ manner: 'silent', connections: 64, from: EIGHT_OF_ONE_NETWORK }],
  },
  {
    title: '160 silent, eight of one /64',
    victim: { address: ipv6.server, from: ipv6.insider },
    parties: [{ manner: 'silent', connections: 160, from: EIGHT_OF_ONE_NETWORK }],
  },
  {
    title: '200 mixed, ten addresses',
    victim: REMOTE,
    parties: (['silent', 'half-sent', 'trickling', 'reconnecting'] as const).map((manner) => ({
      manner,
      connections: 50,
      from: TEN_ADDRESSES,
    })),
  },
  {
    title: '200 reconnecting, ten addresses',
    victim: REMOTE,
    parties: [{ manner: 'reconnecting', connections: 200, from: TEN_ADDRESSES }],
  },
  {
    title: '200 reconnecting, of this machine',
    victim: LOCAL,
    parties: [{ manner: 'reconnecting', connections: 200 }],
  },
  {
    title: `5 clients, ${SLOW_QUERIES_OF_EACH} slow queries each`,
    victim: REMOTE,
    parties: [],
    greedy: TEN_ADDRESSES.slice(0, 5),
  },
];

interface Server extends AsyncDisposable {
  readonly port: number;
}

const isSlow = (query: Uint8Array): boolean =>
  Buffer.from(query).toString('latin1', FIRST_CHARACTER).startsWith(SLOW_LABEL);

async function startOurs(): Promise<Server> {
  const flags = SERVER_ADDRESSES.flatMap((address) => ['--address', address]);
  // The default number of circuits; the lab's own is 1.
  const lab = await startLab(...flags, '--allow', '192.0.2.0/24', '--allow', '2001:db8::/32', '--circuits', '3');
  const ending = new AbortController();
  lab.upstream.behaviour = async ({ query }) => {
    if (isSlow(query)) await delay(systemClock, SLOW_MS, ending.signal);
    return { body: typicalAnswerTo(query) };
  };
  return {
    port: lab.daemon.port,
    async [Symbol.asyncDispose]() {
      // Otherwise the shutdown would wait for the slow answers.
      ending.abort();
      await lab[Symbol.asyncDispose]();
    },
  };
}

async function startUnbound(tcpConnections: number): Promise<Server> {
  await using resources = new AsyncDisposableStack();
  const ending = new AbortController();
  const authority = createSocket('udp4');
  authority.on('message', (query, { port, address }) => {
    const answer = (): void => {
      if (!ending.signal.aborted) authority.send(typicalAnswerTo(query), port, address);
    };
    if (isSlow(query)) void delay(systemClock, SLOW_MS, ending.signal).then(answer);
    else answer();
  });
  authority.bind(0, '127.0.0.1');
  await once(authority, 'listening');
  resources.defer(() => {
    ending.abort();
    authority.close();
  });
  const unbound = resources.use(
    await startPeer('unbound', {
      config: (port) => `server:
${SERVER_ADDRESSES.map((address) => `  interface: ${address}@${port}`).join('\n')}
  access-control: 192.0.2.0/24 allow
  access-control: 2001:db8::/32 allow
${UNBOUND_PROCESS}
  incoming-num-tcp: ${tcpConnections}
  module-config: "iterator"
  do-not-query-localhost: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@${authority.address().port}
remote-control:
  control-enable: no
`,
      args: (configPath) => ['-d', '-c', configPath],
      started: 'start of service',
    }),
  );
  const owned = resources.move();
  return { port: unbound.port, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

const SERVERS: Readonly<Record<string, () => Promise<Server>>> = {
  dns4tor: startOurs,
  'unbound, 10': () => startUnbound(10),
  'unbound, 150': () => startUnbound(150),
};

let serial = 0;

/**
 * Sends as many queries as one client may have in flight, in batches that fit the socket's receive buffer. Resolves
 * when the server has read all of them.
 */
async function askSlowly(endpoint: Endpoint): Promise<RawClient> {
  const client = await connectRaw('udp', endpoint);
  for (let id = 0; id < SLOW_QUERIES_OF_EACH; id++) {
    client.send(buildQuery({ id, name: `${SLOW_LABEL}${serial++}.dns4tor-lab.net` }));
    if ((id + 1) % 64 !== 0) continue;
    client.send(buildQuery({ id: LOCAL_ID, name: 'localhost' }));
    const locals = (): number => client.messages.filter((message) => message.readUInt16BE(0) === LOCAL_ID).length;
    await waitUntil('the server has read the batch', PATIENCE_MS, () => locals() === (id + 1) / 64);
  }
  return client;
}

async function play(server: Server, scene: Scene): Promise<Pick<NeighboursRow, 'tcp' | 'udp'>> {
  const { port } = server;
  const { victim, parties, greedy = [] } = scene;
  const { address = '127.0.0.1' } = victim;
  await using clients = new AsyncDisposableStack();
  clients.use(await Siege.begin({ port, address }, parties));
  for (const from of greedy) clients.use(await askSlowly({ port, address, from }));
  // Cached names, except where the neighbours occupy the upstream: then names that need the upstream.
  const nameOf = greedy.length === 0 ? {} : { nameOf: (): string => `n${serial++}.dns4tor-lab.net` };
  const ask = (transport: Victim['transport']): ReturnType<typeof askAsVictim> =>
    askAsVictim({ port, ...victim }, { ...VICTIM, transport, patienceMs: PATIENCE_MS, ...nameOf });
  const [tcp, udp] = await Promise.all([ask('tcp'), ask('udp')]);
  return { tcp, udp };
}

for (const address of TEN_ADDRESSES) await runProgram('ip', ['address', 'add', `${address}/24`, 'dev', 'lo']);
for (const address of EIGHT_OF_ONE_NETWORK) {
  await runProgram('ip', ['address', 'add', `${address}/64`, 'dev', 'lo', 'nodad']);
}
const rows: NeighboursRow[] = [];
for (const scene of isQuick ? SCENES.slice(0, 2) : SCENES) {
  for (const [name, start] of Object.entries(SERVERS).slice(0, isQuick ? 2 : undefined)) {
    say(`${scene.title}: ${name}`);
    await using server = await start();
    await askAsVictim({ port: server.port }, { transport: 'udp', queries: 1, paceMs: 0, patienceMs: PATIENCE_MS });
    rows.push({ scene: scene.title, server: name, ...(await play(server, scene)) });
  }
}
process.stdout.write(JSON.stringify(rows));
