import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, chown, lchown, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemClock } from '../../../src/lib/clock.ts';
import type { TorAddress } from '../../../src/model/tor-address.ts';
import { createSocksPeerJudge } from '../../../src/system/sockets/socks-owner.ts';
import type { Standing } from '../../../src/system/sockets/tor-users.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';
import { findProgram } from '../../fixtures/process/find-program.ts';
import { OTHER_USER } from '../../fixtures/process/other-user.ts';
import { startProcess } from '../../fixtures/process/process.ts';
import { runProgram } from '../../fixtures/process/run-program.ts';
import { createTemporaryDirectory, type TemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { type SocksOfUser, startSocksOfUser } from '../../fixtures/tor/socks-of-user.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { OFFLINE_OPTIONS } from '../../tor/offline-tor.ts';

const TOR_START_MS = 10_000;
/** Far above the expected time; only a failing test reaches it. */
const PATIENCE_MS = 5000;
const LONGEST_PAUSE_MS = 2000;
const SOCKS_PEER = new URL('../../../src/system/sockets/socks-owner.ts', import.meta.url).href;
const CLOCK = new URL('../../../src/lib/clock.ts', import.meta.url).href;

const judge = createSocksPeerJudge(systemClock);

async function judgePort(port: number, host = '127.0.0.1'): Promise<Standing> {
  const socket = connect(port, host);
  await once(socket, 'connect');
  try {
    return await judge({ kind: 'tcp', host, port }, socket);
  } finally {
    socket.destroy();
  }
}

/** Listens on its port as another user. */
let foreign: SocksOfUser;
let debianTor: number;
before(async () => {
  foreign = await startSocksOfUser(OTHER_USER, 9);
  debianTor = Number(/^debian-tor:[^:]*:(\d+):/m.exec(await readFile('/etc/passwd', 'utf8'))?.[1]);
});
after(() => foreign[Symbol.asyncDispose]());

test('another user’s listener is not accepted as Tor, whatever it speaks', async () => {
  assert.equal(await judgePort(foreign.port), 'foreign');
});

for (const host of ['127.0.0.1', '127.0.0.2', '::1']) {
  test(`a listener of dns4tor's own user is trusted (${host}), also on a dual-stack socket`, async () => {
    for (const listenHost of [host, '::']) {
      await using server = await listenAt(listenHost);
      assert.equal(await judgePort(server.port, host), 'tor');
    }
  });
}

interface Listening extends AsyncDisposable {
  readonly port: number;
}

async function listenAt(host: string): Promise<Listening> {
  const server = createServer((socket) => socket.on('error', () => {}));
  server.listen(0, host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close();
    },
  };
}

test('a tor that root started is trusted although it accepts connections as its own user', async () => {
  await using directory = await createTemporaryDirectory();
  const data = join(directory.path, 'data');
  await mkdir(data);
  await chown(data, debianTor, debianTor);
  await chmod(directory.path, 0o755);
  const torrc = join(directory.path, 'torrc');
  const lines = [`DataDirectory ${data}`, 'User debian-tor', 'SocksPort 127.0.0.1:auto', 'Log notice stdout', ''];
  await writeFile(torrc, [...lines.slice(0, -1), ...OFFLINE_OPTIONS, ''].join('\n'));
  await using tor = await startProcess(await findProgram('tor'), ['--defaults-torrc', '/dev/null', '-f', torrc]);
  await tor.waitUntil('tor has started', TOR_START_MS, () => tor.output.includes('Bootstrapped 0%'));
  const port = Number(/Socks listener listening on port (\d+)/.exec(tor.output)?.[1]);
  assert.equal(await judgePort(port), 'tor');
});

test('the judge waits until a connection is accepted, and judges the program that accepts it', async () => {
  foreign.process.pause();
  const clock = new ManualClock();
  const { port } = foreign;
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    let standing: Standing | undefined;
    const judged = createSocksPeerJudge(clock)({ kind: 'tcp', host: '127.0.0.1', port }, socket).then(
      (found) => (standing = found),
    );
    await waitUntil('it is to be looked at again', PATIENCE_MS, () => clock.pendingTimers > 0);
    assert.equal(standing, undefined);
    foreign.process.resume();
    await waitUntil('it is judged', PATIENCE_MS, () => {
      clock.advance(LONGEST_PAUSE_MS);
      return standing !== undefined;
    });
    assert.equal(await judged, 'foreign');
  } finally {
    foreign.process.resume();
    socket.destroy();
  }
});

test('polling stops when a connection that nobody accepted is destroyed', async () => {
  foreign.process.pause();
  const { port } = foreign;
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    const judged = judge({ kind: 'tcp', host: '127.0.0.1', port }, socket);
    socket.destroy();
    assert.equal(await judged, 'unknown');
  } finally {
    foreign.process.resume();
  }
});

test('a listener on another machine, or one the system does not show, is unknown', async () => {
  const elsewhere = { localAddress: '192.0.2.1', localPort: 40_000, remoteAddress: '192.0.2.2', remotePort: 9050 };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only these fields of a socket are read
  const socket = { ...elsewhere, destroyed: false } as Socket;
  assert.equal(await judge({ kind: 'tcp', host: '192.0.2.2', port: 9050 }, socket), 'unknown');
});

test('in a user namespace, where other users share one id, the owner of a port is unknown', async () => {
  const script = `
    import { connect } from 'node:net';
    import { once } from 'node:events';
    const { createSocksPeerJudge } = await import('${SOCKS_PEER}');
    const { systemClock } = await import('${CLOCK}');
    const socket = connect(${foreign.port}, '127.0.0.1');
    await once(socket, 'connect');
    const address = { kind: 'tcp', host: '127.0.0.1', port: ${foreign.port} };
    process.stdout.write(await createSocksPeerJudge(systemClock)(address, socket));
    socket.destroy();`;
  assert.equal(await inUserNamespace(script), 'unknown');
});

test("a user namespace does not hide that the socket of Debian's tor is Tor's", async () => {
  const script = `
    const { createSocksPeerJudge } = await import('${SOCKS_PEER}');
    const { systemClock } = await import('${CLOCK}');
    const judge = createSocksPeerJudge(systemClock);
    for (const path of ['/run/tor/socks', '/run/other/socks', '/var/run/tor/socks'])
      process.stdout.write(path + ' ' + (await judge({ kind: 'unix', path }, {})) + '\\n');`;
  const setUp = `mount -t tmpfs -o mode=755 none /run && for d in tor other; do
    mkdir -m 2755 /run/$d && touch /run/$d/socks && chown -R debian-tor:debian-tor /run/$d; done`;
  assert.deepEqual((await inUserNamespace(script, setUp)).trim().split('\n'), [
    '/run/tor/socks tor',
    '/run/other/socks unknown',
    '/var/run/tor/socks tor',
  ]);
});

/** @param setUp commands that root runs first, in a mount namespace of its own */
async function inUserNamespace(script: string, setUp = 'true'): Promise<string> {
  const run = `${setUp} && exec unshare --user --map-root-user "$0" --input-type=module -e "$1"`;
  return runProgram('unshare', ['--mount', 'sh', '-c', run, process.execPath, script]);
}

interface SocketFile {
  readonly what: string;
  readonly standing: Standing;
  /** Creates the socket and returns its path. */
  readonly make: (directory: string) => Promise<string>;
}

interface SocketPlace {
  readonly mode?: number;
  readonly owner?: number;
  /** @default the directory's */
  readonly socketOwner?: number;
}

async function socketIn(
  directory: string,
  { mode = 0o755, owner = 0, socketOwner }: SocketPlace = {},
): Promise<string> {
  await mkdir(directory, { recursive: true });
  const path = join(directory, 'socks');
  await writeFile(path, '');
  await chown(path, socketOwner ?? owner, socketOwner ?? owner);
  await chown(directory, owner, owner);
  await chmod(directory, mode);
  return path;
}

const SOCKET_FILES: readonly SocketFile[] = [
  { what: "in a directory of dns4tor's user", standing: 'tor', make: (at) => socketIn(join(at, 'a')) },
  {
    what: "in a directory of Tor's user",
    standing: 'tor',
    make: (at) => socketIn(join(at, 'a'), { owner: debianTor, mode: 0o2755 }),
  },
  {
    what: 'reached by a symbolic link',
    standing: 'tor',
    async make(at) {
      await symlink(join(at, 'a'), join(at, 'link'));
      await socketIn(join(at, 'a'));
      return join(at, 'link', 'socks');
    },
  },
  {
    what: "reached by a symbolic link in another user's directory",
    standing: 'unknown',
    async make(at) {
      await socketIn(join(at, 'a'));
      await mkdir(join(at, 'theirs'));
      await symlink(join(at, 'a'), join(at, 'theirs', 'link'));
      await chown(join(at, 'theirs'), OTHER_USER, OTHER_USER);
      await symlink(join('theirs', 'link'), join(at, 'link'));
      return join(at, 'link', 'socks');
    },
  },
  {
    what: "reached by another user's symbolic link in a sticky directory",
    standing: 'unknown',
    async make(at) {
      await socketIn(join(at, 'a'));
      await mkdir(join(at, 'shared'));
      await chmod(join(at, 'shared'), 0o1777);
      await symlink(join(at, 'a'), join(at, 'shared', 'link'));
      await lchown(join(at, 'shared', 'link'), OTHER_USER, OTHER_USER);
      return join(at, 'shared', 'link', 'socks');
    },
  },
  {
    what: "in another user's directory",
    standing: 'unknown',
    make: (at) => socketIn(join(at, 'a'), { owner: OTHER_USER }),
  },
  {
    what: 'in a group-writable directory',
    standing: 'unknown',
    make: (at) => socketIn(join(at, 'a'), { mode: 0o775 }),
  },
  {
    what: 'in a world-writable directory',
    standing: 'unknown',
    make: (at) => socketIn(join(at, 'a'), { mode: 0o1777 }),
  },
  {
    what: 'of another user in a world-writable directory',
    standing: 'foreign',
    make: (at) => socketIn(join(at, 'a'), { mode: 0o1777, socketOwner: OTHER_USER }),
  },
  {
    what: "in a directory of dns4tor's user below another user's",
    standing: 'unknown',
    async make(at) {
      const path = await socketIn(join(at, 'theirs', 'a'));
      await chown(join(at, 'theirs'), OTHER_USER, OTHER_USER);
      return path;
    },
  },
  { what: 'that does not exist', standing: 'unknown', make: async (at) => join(at, 'nothing') },
];

for (const { what, standing, make } of SOCKET_FILES) {
  test(`a unix socket ${what}: ${standing}`, async () => {
    await using directory: TemporaryDirectory = await createTemporaryDirectory();
    const address: TorAddress = { kind: 'unix', path: await make(directory.path) };
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only the path of a unix socket is read
    assert.equal(await judge(address, {} as Socket), standing);
  });
}
