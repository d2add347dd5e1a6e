import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Clock, systemClock } from '../../../src/lib/clock.ts';
import { systemRandom } from '../../../src/lib/random.ts';
import { Bridge, type BridgeParts, type TransportProgram, VANILLA } from '../../../src/model/bridge.ts';
import { torSurroundings } from '../../../src/tor/control/bootstrap-evidence.ts';
import { ManagedTor } from '../../../src/tor/process/managed-tor.ts';
import { NO_TOR_EVENTS, type TorEvents } from '../../../src/tor/tor-events.ts';
import { findProgram } from '../../fixtures/process/find-program.ts';
import { createTemporaryDirectory, type TemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';

const FINGERPRINT = '0123456789ABCDEF0123456789ABCDEF01234567';
const CERT = `CANARYcert${'Aa0+/'.repeat(12)}`;
const OBFS4_ARGS = [`cert=${CERT}`, 'iat-mode=0'];
/** No line may show any of it. */
const SECRET = /CANARY|0123456789ABCDEF|127\.0\.0\.1|192\.0\.2\./i;

let directory: TemporaryDirectory;
before(async () => {
  directory = await createTemporaryDirectory();
});
after(() => directory[Symbol.asyncDispose]());

function bridgeOf(parts: Partial<BridgeParts>): Bridge {
  const fallback = { transport: VANILLA, host: '127.0.0.1', port: 1, fingerprint: FINGERPRINT, args: [] };
  return new Bridge({ ...fallback, ...parts });
}

async function writeProgram(name: string, script: string): Promise<string> {
  const path = join(directory.path, name);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o700);
  return path;
}

interface Started extends AsyncDisposable {
  readonly tor: ManagedTor;
  readonly directory: string;
  /** Tor's log so far. */
  readonly lines: readonly string[];
}

interface StartOptions {
  readonly transports?: readonly TransportProgram[];
  readonly torOptions?: readonly string[];
  /** By how much the clock runs too fast. */
  readonly hurry?: number;
}

let count = 0;
async function start(bridge: Bridge, options: StartOptions = {}): Promise<Started> {
  const { transports = [], torOptions = [], hurry = 1 } = options;
  const lines: string[] = [];
  const events: TorEvents = { ...NO_TOR_EVENTS, onLog: ({ message }) => lines.push(message) };
  const stateDirectory = join(directory.path, `tor${count++}`);
  const clock: Clock = {
    ...systemClock,
    now: () => systemClock.now() * hurry,
    schedule: (delayMs, callback) => systemClock.schedule(delayMs / hurry, callback),
  };
  const bridges = [bridge];
  const tor = await ManagedTor.start({
    binary: await findProgram('tor'),
    directory: stateDirectory,
    bridges,
    transports,
    torOptions,
    onionAuths: [],
    surroundings: torSurroundings(() => true, bridges),
    clock,
    random: systemRandom,
    events,
  });
  return { tor, directory: stateDirectory, lines, [Symbol.asyncDispose]: () => tor[Symbol.asyncDispose]() };
}

/** A listener that takes connections and ends them, and counts them. */
async function startListener(): Promise<AsyncDisposable & { readonly port: number; connections(): number }> {
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.on('error', () => {});
    socket.end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, connections: () => connections, [Symbol.asyncDispose]: async () => void server.close() };
}

test('tor reaches a vanilla bridge itself, and an obfs4 bridge with the real program', async () => {
  const path = await findProgram('obfs4proxy');
  for (const [transport, args, programs] of [
    [VANILLA, [], []],
    ['obfs4', OBFS4_ARGS, [{ transport: 'obfs4', path }]],
  ] as const) {
    await using listener = await startListener();
    await using tor = await start(bridgeOf({ transport, port: listener.port, args }), { transports: programs });
    await waitUntil(`the bridge is contacted (${transport})`, 20_000, () => listener.connections() > 0);
    assert.equal((await stat(join(tor.directory, 'torrc'))).mode & 0o777, 0o600);
  }
});

test("tor's lines about a bridge that refuses give nothing of it away, even at the level debug", async () => {
  const path = await findProgram('obfs4proxy');
  const bridge = bridgeOf({ transport: 'obfs4', args: OBFS4_ARGS });
  await using tor = await start(bridge, {
    transports: [{ transport: 'obfs4', path }],
    torOptions: ['Log debug stdout'],
  });
  await waitUntil('tor tells the arguments and the failure', 30_000, () =>
    ['PT SOCKS5 arguments', 'unable to connect OR connection'].every((text) =>
      tor.lines.some((line) => line.includes(text)),
    ),
  );
  assert.deepEqual(
    tor.lines.filter((line) => SECRET.test(line)),
    [],
  );
});

for (const [name, script] of [
  ['exits at once', 'exit 3'],
  ['speaks another protocol', `echo ${CERT} 192.0.2.1:443; cat`],
  [
    'does not have the transport',
    `echo VERSION 1; echo "CMETHOD-ERROR obfs4 ${CERT} 192.0.2.1"; echo CMETHODS DONE; cat`,
  ],
  ['says nothing', 'exec cat'],
] as const) {
  test(`a transport program that ${name} is named as the reason, with a remedy and without a secret`, async () => {
    const bridge = bridgeOf({ transport: 'obfs4', args: OBFS4_ARGS });
    const transports = [{ transport: 'obfs4', path: await writeProgram(name.replaceAll(' ', '-'), script) }];
    await using started = await start(bridge, { transports, hurry: 10 });
    await waitUntil('tor is stuck', 20_000, () => started.tor.status.state === 'stuck');
    const { trouble } = started.tor.status;
    assert.equal(trouble?.code, 'ERR_TOR_TRANSPORT');
    assert.notEqual(trouble.remedy, '');
    for (const text of [trouble.message, ...started.lines]) assert.doesNotMatch(text, SECRET);
  });
}

test('the torrc is private even if there was another one that others could read', async () => {
  const existing = join(directory.path, `tor${count}`);
  await mkdir(existing, 0o700);
  await writeFile(join(existing, 'torrc'), '');
  await chmod(join(existing, 'torrc'), 0o666);
  await using tor = await start(bridgeOf({}));
  assert.equal(tor.directory, existing);
  assert.equal((await stat(join(existing, 'torrc'))).mode & 0o777, 0o600);
});

test('a bridge line that tor rejects is an error without the line', async () => {
  const rejected: readonly Partial<BridgeParts>[] = [
    { fingerprint: `CANARY${FINGERPRINT.slice(6)}` },
    { transport: 'obfs4', args: [`cert=${CERT}`, 'CANARY'] },
    { transport: 'obfs4', args: [`cert=CANARY${'x'.repeat(600)}`] },
    { host: 'CANARY.example' },
  ];
  for (const parts of rejected) {
    const lines: string[] = [];
    await assert.rejects(start(bridgeOf(parts)), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'ERR_TOR_MANAGED');
      assert.doesNotMatch(`${error.message} ${String(error.cause)}`, SECRET);
      lines.push(error.message);
      return true;
    });
    assert.match(lines.join(), /Bridge/);
  }
});

test('neither tor nor the transport program learns the settings of dns4tor, nor has a bridge on its command line', async () => {
  const seen = join(directory.path, 'seen');
  const program = await writeProgram(
    'spy',
    `env > ${seen}.tmp; echo "ARGUMENTS $*" >> ${seen}.tmp; mv ${seen}.tmp ${seen}; exec cat`,
  );
  process.env['DNS4TOR_BRIDGE'] = 'CANARY';
  process.env['TUNNEL_DNS_UPSTREAM'] = 'CANARY';
  try {
    const bridge = bridgeOf({ transport: 'obfs4', args: OBFS4_ARGS });
    await using tor = await start(bridge, { transports: [{ transport: 'obfs4', path: program }] });
    await waitUntil('the program runs', 20_000, async () => (await readdir(directory.path)).includes('seen'));
    const text = await readFile(seen, 'utf8');
    assert.ok((await readFile(join(tor.directory, 'torrc'), 'utf8')).includes(CERT));
    assert.match(text, /^TOR_PT_CLIENT_TRANSPORTS=obfs4$/m);
    assert.match(text, /^ARGUMENTS $/m);
    assert.doesNotMatch(text, SECRET);
  } finally {
    delete process.env['DNS4TOR_BRIDGE'];
    delete process.env['TUNNEL_DNS_UPSTREAM'];
  }
});
