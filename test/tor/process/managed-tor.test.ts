import assert from 'node:assert/strict';
import { chmod, readdir, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Clock, systemClock } from '../../../src/lib/clock.ts';
import type { Dns4torError } from '../../../src/failures/errors.ts';
import { systemRandom } from '../../../src/lib/random.ts';
import { openControl } from '../../../src/tor/control/control-connection.ts';
import { verifyTor } from '../../../src/tor/socks/find-socks.ts';
import { judgeAsOurs } from '../../../src/tor/socks/socks-peer.ts';
import type { TorAddress } from '../../../src/tor/tor-address.ts';
import { ManagedTor, type ManagedTorOptions } from '../../../src/tor/process/managed-tor.ts';
import type { TorEvents } from '../../../src/tor/tor-events.ts';
import { findProgram } from '../../fixtures/find-program.ts';
import { startProcess } from '../../fixtures/process.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { OFFLINE_OPTIONS } from '../offline-tor.ts';
import { ONION_AUTH, SAME_ONION_AUTH_IN_TOR, viewOnionAuths } from '../onion-auths.ts';
import { SILENT_EVENTS } from '../silent-events.ts';

/** A real tor takes real time to start and end; only the pauses between are shortened, to a hundredth. */
const HURRIED: Clock = {
  now: () => systemClock.now() * 100,
  bootMs: () => systemClock.bootMs(),
  epochMs: () => systemClock.epochMs(),
  schedule: (delayMs, callback) => systemClock.schedule(delayMs / 100, callback),
};

async function start(directory: string, options: Partial<ManagedTorOptions> = {}): Promise<ManagedTor> {
  return ManagedTor.start({
    binary: await findProgram('tor'),
    directory,
    torOptions: OFFLINE_OPTIONS,
    onionAuths: [],
    clock: systemClock,
    random: systemRandom,
    events: SILENT_EVENTS,
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

test('a managed tor serves SOCKS in a private directory, tells its progress, and ends with its owner', async () => {
  await using parent = await createTemporaryDirectory();
  const directory = join(parent.path, 'a "state" directory');
  const progress: string[] = [];
  let pid: number;
  {
    await using tor = await start(directory, {
      events: { ...SILENT_EVENTS, onBootstrap: (percent, summary) => progress.push(`${percent} ${summary}`) },
    });
    assert.equal(tor.status.state, 'bootstrapping');
    assert.match(progress[0] ?? '', /^\d+ \w+/);
    await verifyTor(tor.socks, systemClock, judgeAsOurs);
    assert.equal((await stat(directory)).mode & 0o777, 0o700);
    pid = await pidOfTor(directory);
    assert.ok(isRunning(pid));
  }
  assert.ok(!isRunning(pid));
});

test('tor dies with a dns4tor that was killed', async () => {
  await using parent = await createTemporaryDirectory();
  const directory = join(parent.path, 'tor');
  const program = fileURLToPath(new URL('managed-tor-owner.ts', import.meta.url));
  await using owner = await startProcess(process.execPath, [program, directory]);
  await owner.waitUntil('tor runs', 20_000, () => owner.output.includes('tor runs'));
  const pid = await pidOfTor(directory);

  await owner.kill();
  await waitUntil('tor has ended', 5_000, () => !isRunning(pid));
});

test('a tor that dies is restarted at the same address', async () => {
  await using parent = await createTemporaryDirectory();
  const directory = join(parent.path, 'tor');
  const exits: Dns4torError[] = [];
  const events: TorEvents = { ...SILENT_EVENTS, onExit: (error) => exits.push(error) };
  await using tor = await start(directory, { clock: HURRIED, events });
  const { socks } = tor;
  const pid = await pidOfTor(directory);

  process.kill(pid, 'SIGKILL');
  await waitUntil('it is down', 5_000, () => exits.length === 1);
  assert.match(exits[0]?.message ?? '', /was ended by SIGKILL/);
  await waitUntil('it runs again', 10_000, () => tor.status.state === 'bootstrapping');
  assert.notEqual(await pidOfTor(directory), pid);
  assert.deepEqual(tor.socks, socks);
  await verifyTor(socks, systemClock, judgeAsOurs);
});

test('keys for onion services are in tor when it has started, and again when it has been restarted', async () => {
  await using parent = await createTemporaryDirectory();
  const directory = join(parent.path, 'tor');
  const exits: Dns4torError[] = [];
  const events: TorEvents = { ...SILENT_EVENTS, onExit: (error) => exits.push(error) };
  await using tor = await start(directory, { clock: HURRIED, onionAuths: [ONION_AUTH], events });
  assert.deepEqual(await viewOnionAuths(controlOf(directory)), [SAME_ONION_AUTH_IN_TOR]);
  process.kill(await pidOfTor(directory), 'SIGKILL');
  await waitUntil('it is down', 5_000, () => exits.length === 1);
  await waitUntil('it runs again', 10_000, () => tor.status.state === 'bootstrapping');
  assert.deepEqual(await viewOnionAuths(controlOf(directory)), [SAME_ONION_AUTH_IN_TOR]);
});

test('the pauses between failing restarts grow to half a minute, and a later success ends them', async () => {
  await using parent = await createTemporaryDirectory();
  const directory = join(parent.path, 'tor');
  const [binary, hidden] = [join(parent.path, 'tor.sh'), join(parent.path, 'hidden')];
  await writeFile(binary, `#!/bin/sh\nexec ${await findProgram('tor')} "$@"\n`);
  await chmod(binary, 0o700);
  const exits: { readonly code: string; readonly restartInMs: number }[] = [];
  const events: TorEvents = { ...SILENT_EVENTS, onExit: ({ code }, restartInMs) => exits.push({ code, restartInMs }) };
  const random = { ...systemRandom, fraction: () => 1 };
  await using tor = await start(directory, { binary, clock: HURRIED, random, events });

  await rename(binary, hidden);
  process.kill(await pidOfTor(directory), 'SIGKILL');
  await waitUntil('it has been down for a while', 10_000, () => exits.length === 7);
  assert.equal(tor.status.state, 'down');
  assert.deepEqual(
    exits.map(({ restartInMs }) => restartInMs),
    [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000],
  );
  assert.deepEqual(new Set(exits.slice(1).map(({ code }) => code)), new Set(['ERR_TOR_BINARY_MISSING']));

  await rename(hidden, binary);
  await waitUntil('it runs again', 10_000, () => tor.status.state === 'bootstrapping');
  await verifyTor(tor.socks, systemClock, judgeAsOurs);
});

test('the pause before a restart is cut short by the end of dns4tor', async () => {
  await using parent = await createTemporaryDirectory();
  const directory = join(parent.path, 'tor');
  const exited = Promise.withResolvers<void>();
  const withoutEnd: Clock = {
    ...systemClock,
    schedule: (delayMs, callback) => (delayMs < 500 ? systemClock.schedule(delayMs, callback) : { cancel: () => {} }),
  };
  const tor = await start(directory, {
    clock: withoutEnd,
    events: { ...SILENT_EVENTS, onExit: () => exited.resolve() },
  });
  process.kill(await pidOfTor(directory), 'SIGKILL');
  await exited.promise;
  await tor[Symbol.asyncDispose]();
  await assert.rejects(pidOfTor(directory), { code: 'ERR_TOR_CONTROL' });
});

test('a second dns4tor in the same directory is refused, and the first one goes on', async () => {
  await using parent = await createTemporaryDirectory();
  const directory = join(parent.path, 'tor');
  await using first = await start(directory);
  await assert.rejects(start(directory, { clock: HURRIED }), {
    code: 'ERR_TOR_MANAGED',
    message: /another dns4tor runs its tor in/,
  });
  await verifyTor(first.socks, systemClock, judgeAsOurs);
});

test("what tor does not accept is told in tor's words", async () => {
  await using parent = await createTemporaryDirectory();
  const directory = join(parent.path, 'tor');
  await assert.rejects(start(directory, { torOptions: ['Nonsense 1'] }), {
    code: 'ERR_TOR_MANAGED',
    message: /Unknown option 'Nonsense'/,
  });
});

test('a missing tor is told apart from one that cannot run', async () => {
  await using parent = await createTemporaryDirectory();
  const directory = join(parent.path, 'tor');
  await assert.rejects(start(directory, { binary: 'no-such-tor' }), { code: 'ERR_TOR_BINARY_MISSING' });
  await assert.rejects(start(directory, { binary: parent.path }), { code: 'ERR_TOR_MANAGED', message: /EACCES/ });
});

test('a directory that cannot be made is an error that names it', async () => {
  await assert.rejects(start('/dev/null/tor'), {
    code: 'ERR_TOR_MANAGED',
    message: /^\/dev\/null\/tor cannot be written/,
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
  test(`nothing is written or contacted if others may write into the directory ${kind}`, async () => {
    await using own = await createTemporaryDirectory();
    await using parent = await createTemporaryDirectory();
    await chmod(parent.path, 0o777);
    const directory = join(await create(parent.path, own.path), 'state', 'tor');
    await assert.rejects(start(directory), { code: 'ERR_UNTRUSTED_PATH' });
    assert.deepEqual(await readdir(parent.path), []);
    await chmod(parent.path, 0o755);
    await using tor = await start(directory);
    await verifyTor(tor.socks, systemClock, judgeAsOurs);
  });
}

test('a managed tor is told to forget when every introduction fails', async () => {
  await using parent = await createTemporaryDirectory();
  const told = Promise.withResolvers<void>();
  await using tor = await start(join(parent.path, 'tor'), { events: { ...SILENT_EVENTS, onNewnym: told.resolve } });
  for (let i = 0; i < 2; i++) tor.observe('ERR_TOR_HS_INTRO_FAILED');
  await told.promise;
});
