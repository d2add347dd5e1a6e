import assert from 'node:assert/strict';
import { chmod, readdir, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Dns4torError } from '../../../src/failures/errors.ts';
import { type Clock, systemClock } from '../../../src/lib/clock.ts';
import { systemRandom } from '../../../src/lib/random.ts';
import { formatTorAddress, type TorAddress } from '../../../src/model/tor-address.ts';
import { openControl } from '../../../src/tor/control/control-connection.ts';
import { ManagedTor, type ManagedTorOptions } from '../../../src/tor/process/managed-tor.ts';
import { verifyTor } from '../../../src/tor/socks/find-socks.ts';
import { judgeManagedTor } from '../../../src/tor/socks/socks-peer.ts';
import { NO_TOR_EVENTS, type TorEvents } from '../../../src/tor/tor-events.ts';
import { findProgram } from '../../fixtures/process/find-program.ts';
import { startProcess } from '../../fixtures/process/process.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { OFFLINE_OPTIONS } from '../offline-tor.ts';
import { ONION_AUTH, SAME_ONION_AUTH_IN_TOR, viewOnionAuths } from '../onion-auths.ts';
import { ONLINE } from '../surroundings.ts';

/** Runs pauses at a hundredth of their length. A real Tor still takes its real time to start and exit. */
const HURRIED: Clock = {
  now: () => systemClock.now() * 100,
  monotonicMicros: () => 0,
  bootMs: () => systemClock.bootMs(),
  epochMs: () => systemClock.epochMs(),
  schedule: (delayMs, callback) => systemClock.schedule(delayMs / 100, callback),
};

async function start(directory: string, options: Partial<ManagedTorOptions> = {}): Promise<ManagedTor> {
  return ManagedTor.start({
    binary: await findProgram('tor'),
    directory,
    bridges: [],
    transports: [],
    torOptions: OFFLINE_OPTIONS,
    onionAuths: [],
    clock: systemClock,
    random: systemRandom,
    events: NO_TOR_EVENTS,
    surroundings: ONLINE,
    ...options,
  });
}

function controlOf(directory: string): TorAddress {
  return { kind: 'unix', path: join(directory, 'control') };
}

async function pidOfTor(directory: string): Promise<number> {
  using control = await openControl({
    address: controlOf(directory),
    clock: systemClock,
    random: systemRandom,
    onEvent: () => {},
  });
  const [line = ''] = await control.command('GETINFO process/pid');
  return Number(line.split('=')[1]);
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('a managed Tor serves SOCKS in a private directory, reports its progress, and exits with its owner', async () => {
  await using parent = await createTemporaryDirectory();
  const directory = join(parent.path, 'a "state" directory');
  const progress: string[] = [];
  let pid: number;
  {
    await using tor = await start(directory, {
      events: { ...NO_TOR_EVENTS, onBootstrap: (percent, summary) => progress.push(`${percent} ${summary}`) },
    });
    assert.equal(tor.status.state, 'bootstrapping');
    assert.match(progress[0] ?? '', /^\d+ \w+/);
    await verifyTor(tor.socks, systemClock, judgeManagedTor);
    assert.equal((await stat(directory)).mode & 0o777, 0o700);
    pid = await pidOfTor(directory);
    assert.ok(isRunning(pid));
  }
  assert.ok(!isRunning(pid));
});

test('Tor exits when dns4tor is killed', async () => {
  await using parent = await createTemporaryDirectory();
  const directory = join(parent.path, 'tor');
  const program = fileURLToPath(new URL('managed-tor-owner.ts', import.meta.url));
  await using owner = await startProcess(process.execPath, [program, directory]);
  await owner.waitUntil('tor runs', 20_000, () => owner.output.includes('tor runs'));
  const pid = await pidOfTor(directory);

  await owner.kill();
  await waitUntil('tor has ended', 5_000, () => !isRunning(pid));
});

test('a Tor that dies is restarted at the same address', async () => {
  await using parent = await createTemporaryDirectory();
  const directory = join(parent.path, 'tor');
  const exits: Dns4torError[] = [];
  const events: TorEvents = { ...NO_TOR_EVENTS, onExit: (error) => exits.push(error) };
  await using tor = await start(directory, { clock: HURRIED, events });
  const { socks } = tor;
  const pid = await pidOfTor(directory);

  process.kill(pid, 'SIGKILL');
  await waitUntil('Tor is down', 5_000, () => exits.length === 1);
  assert.match(exits[0]?.message ?? '', /\bSIGKILL\b/);
  await waitUntil('Tor runs again', 10_000, () => tor.status.state !== 'down');
  assert.notEqual(await pidOfTor(directory), pid);
  assert.deepEqual(tor.socks, socks);
  await verifyTor(socks, systemClock, judgeManagedTor);
});

test('a stuck Tor is started anew on another network, and its progress there is reported as an end', async () => {
  await using parent = await createTemporaryDirectory();
  const directory = join(parent.path, 'tor');
  const seen: string[] = [];
  await using tor = await start(directory, {
    clock: HURRIED,
    events: {
      ...NO_TOR_EVENTS,
      onExit: () => seen.push('exit'),
      onStuck: ({ code }) => seen.push(code),
      onUnstuck: () => seen.push('on'),
    },
  });
  tor.networkChanged();
  const pid = await pidOfTor(directory);
  await waitUntil('Tor is stuck', 10_000, () => tor.status.state === 'stuck');
  assert.equal(await pidOfTor(directory), pid);

  tor.networkChanged();
  // Not `down`: that would be worth a warning.
  assert.equal(tor.status.state, 'bootstrapping');
  await waitUntil('another Tor runs', 10_000, async () => {
    return (await pidOfTor(directory).catch(() => pid)) !== pid;
  });
  assert.ok(!isRunning(pid));
  assert.ok(!seen.includes('exit'));
});

test('Tor has the keys for onion services after its start and after a restart', async () => {
  await using parent = await createTemporaryDirectory();
  const directory = join(parent.path, 'tor');
  const exits: Dns4torError[] = [];
  const events: TorEvents = { ...NO_TOR_EVENTS, onExit: (error) => exits.push(error) };
  await using tor = await start(directory, { clock: HURRIED, onionAuths: [ONION_AUTH], events });
  assert.deepEqual(await viewOnionAuths(controlOf(directory)), [SAME_ONION_AUTH_IN_TOR]);
  process.kill(await pidOfTor(directory), 'SIGKILL');
  await waitUntil('Tor is down', 5_000, () => exits.length === 1);
  await waitUntil('Tor runs again', 10_000, () => tor.status.state !== 'down');
  assert.deepEqual(await viewOnionAuths(controlOf(directory)), [SAME_ONION_AUTH_IN_TOR]);
});

test('pauses between failed restarts grow to 30 seconds, until a restart succeeds', async () => {
  await using parent = await createTemporaryDirectory();
  const directory = join(parent.path, 'tor');
  const [binary, hidden] = [join(parent.path, 'tor.sh'), join(parent.path, 'hidden')];
  await writeFile(binary, `#!/bin/sh\nexec ${await findProgram('tor')} "$@"\n`);
  await chmod(binary, 0o700);
  const exits: { readonly code: string; readonly restartInMs: number }[] = [];
  const events: TorEvents = { ...NO_TOR_EVENTS, onExit: ({ code }, restartInMs) => exits.push({ code, restartInMs }) };
  const random = { ...systemRandom, fraction: () => 1 };
  await using tor = await start(directory, { binary, clock: HURRIED, random, events });

  await rename(binary, hidden);
  process.kill(await pidOfTor(directory), 'SIGKILL');
  await waitUntil('six restarts have failed', 10_000, () => exits.length === 7);
  assert.equal(tor.status.state, 'down');
  assert.deepEqual(
    exits.map(({ restartInMs }) => restartInMs),
    [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000],
  );
  assert.deepEqual(new Set(exits.slice(1).map(({ code }) => code)), new Set(['ERR_TOR_BINARY_MISSING']));

  await rename(hidden, binary);
  await waitUntil('Tor runs again', 10_000, () => tor.status.state !== 'down');
  await verifyTor(tor.socks, systemClock, judgeManagedTor);
});

test('disposing cancels the pause before a restart', async () => {
  await using parent = await createTemporaryDirectory();
  const directory = join(parent.path, 'tor');
  const exited = Promise.withResolvers<void>();
  const withoutEnd: Clock = {
    ...systemClock,
    schedule: (delayMs, callback) => (delayMs < 500 ? systemClock.schedule(delayMs, callback) : { cancel: () => {} }),
  };
  const tor = await start(directory, {
    clock: withoutEnd,
    events: { ...NO_TOR_EVENTS, onExit: () => exited.resolve() },
  });
  process.kill(await pidOfTor(directory), 'SIGKILL');
  await exited.promise;
  await tor[Symbol.asyncDispose]();
  await assert.rejects(pidOfTor(directory), { code: 'ERR_TOR_CONTROL' });
});

test('a second dns4tor in the same directory is refused, and the first one is not disturbed', async () => {
  await using parent = await createTemporaryDirectory();
  const directory = join(parent.path, 'tor');
  await using first = await start(directory);
  await assert.rejects(start(directory, { clock: HURRIED }), (error: unknown) => {
    assert.ok(error instanceof Dns4torError);
    assert.equal(error.code, 'ERR_TOR_IN_USE');
    assert.ok(error.remedy?.includes(`--tor-socks ${formatTorAddress(first.socks)}`), error.remedy);
    return true;
  });
  await verifyTor(first.socks, systemClock, judgeManagedTor);
});

test("an option that Tor rejects is reported with Tor's message", async () => {
  await using parent = await createTemporaryDirectory();
  const directory = join(parent.path, 'tor');
  await assert.rejects(start(directory, { torOptions: ['Nonsense 1'] }), {
    code: 'ERR_TOR_MANAGED',
    message: /Unknown option 'Nonsense'/,
  });
});

test('a missing tor program is distinguished from one that cannot run', async () => {
  await using parent = await createTemporaryDirectory();
  const directory = join(parent.path, 'tor');
  await assert.rejects(start(directory, { binary: 'no-such-tor' }), { code: 'ERR_TOR_BINARY_MISSING' });
  await assert.rejects(start(directory, { binary: parent.path }), { code: 'ERR_TOR_MANAGED', message: /EACCES/ });
});

test('a directory that cannot be created is an error that names it', async () => {
  await assert.rejects(start('/dev/null/tor'), {
    code: 'ERR_TOR_MANAGED',
    message: /\/dev\/null\/tor\b/,
  });
});

for (const [kind, create] of [
  ['above it', async (parent: string) => parent],
  [
    'that a symbolic link on the path points to',
    async (parent: string, own: string) => {
      await symlink(parent, join(own, 'link'));
      return join(own, 'link');
    },
  ],
] as const) {
  test(`nothing is written or contacted if others can write to the directory ${kind}`, async () => {
    await using own = await createTemporaryDirectory();
    await using parent = await createTemporaryDirectory();
    await chmod(parent.path, 0o777);
    const directory = join(await create(parent.path, own.path), 'state', 'tor');
    await assert.rejects(start(directory), { code: 'ERR_UNTRUSTED_PATH' });
    assert.deepEqual(await readdir(parent.path), []);
    await chmod(parent.path, 0o755);
    await using tor = await start(directory);
    await verifyTor(tor.socks, systemClock, judgeManagedTor);
  });
}

test('a managed Tor gets NEWNYM when every introduction fails', async () => {
  await using parent = await createTemporaryDirectory();
  const told = Promise.withResolvers<void>();
  await using tor = await start(join(parent.path, 'tor'), { events: { ...NO_TOR_EVENTS, onNewnym: told.resolve } });
  for (let i = 0; i < 2; i++) tor.observe('ERR_TOR_HS_INTRO_FAILED');
  await told.promise;
});
