import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, mkdir, stat, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { flushCache } from '../../../src/client/control-client.ts';
import { ControlServer } from '../../../src/daemon/control/control-server.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { rawName } from '../../fixtures/dns/messages.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';
import { asOtherUser } from '../../fixtures/process/other-user.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';

const MODE_BITS = 0o7777;

/** A control server whose cache is a list of the names that were flushed. */
interface Rig extends AsyncDisposable {
  readonly path: string;
  readonly clock: ManualClock;
  readonly flushed: (Uint8Array | undefined)[];
  open(): Promise<ControlServer>;
}

async function createRig(): Promise<Rig> {
  const directory = await createTemporaryDirectory();
  const path = join(directory.path, 'private', 'control');
  const clock = new ManualClock();
  const flushed: (Uint8Array | undefined)[] = [];
  const flush = async (name: Uint8Array | undefined): Promise<number> => flushed.push(name);
  return {
    path,
    clock,
    flushed,
    open: () => ControlServer.open({ clock, flush }, path),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

/** What the server says to these bytes, until it closes the connection. */
async function send(path: string, bytes: string | Uint8Array): Promise<string> {
  const socket = await open(path);
  socket.write(bytes);
  return text(socket);
}

async function open(path: string): Promise<Socket> {
  const socket = connect({ path });
  await once(socket, 'connect');
  return socket;
}

test('at its end it removes the directories that it has created, but none that something else uses', async () => {
  await using rig = await createRig();
  const directory = dirname(rig.path);
  await (await rig.open())[Symbol.asyncDispose]();
  await assert.rejects(stat(directory), { code: 'ENOENT' });
  await stat(dirname(directory));

  const server = await rig.open();
  await writeFile(join(directory, 'state'), '');
  await server[Symbol.asyncDispose]();
  await stat(directory);
});

test('it flushes everything, or a name in lower case', async () => {
  await using rig = await createRig();
  await using _ = await rig.open();
  assert.equal(await flushCache([rig.path], undefined, systemClock), 1);
  assert.equal(await flushCache([rig.path], 'WWW.Example\\.COM.', systemClock), 2);
  assert.deepEqual(rig.flushed, [undefined, rawName('www', 'example.com')]);
});

test('the socket is for its user only, in a directory for that user only, and is removed with the server', async () => {
  await using rig = await createRig();
  const server = await rig.open();
  assert.equal((await stat(rig.path)).mode & MODE_BITS, 0o600);
  assert.equal((await stat(join(rig.path, '..'))).mode & MODE_BITS, 0o700);
  await server[Symbol.asyncDispose]();
  await assert.rejects(stat(rig.path), { code: 'ENOENT' });
});

test('other users are refused, even where they can enter the directory', async () => {
  await using rig = await createRig();
  await using _ = await rig.open();
  for (const folder of [join(rig.path, '..'), join(rig.path, '../..')]) await chmod(folder, 0o755);
  await asOtherUser(() =>
    assert.rejects(flushCache([rig.path], undefined, systemClock), { code: 'ERR_CONTROL_DENIED' }),
  );
  assert.deepEqual(rig.flushed, []);
});

for (const [what, request, error] of [
  ['not JSON', 'flush\n', 'malformed'],
  ['no object', '1\n', 'malformed'],
  ['an unknown command', '{"version":1,"command":"stop"}\n', 'malformed'],
  ['no name', '{"version":1,"command":"flush","name":"a..b"}\n', 'malformed'],
  ['a name of another type', '{"version":1,"command":"flush","name":7}\n', 'malformed'],
  ['another version', '{"version":2,"command":"flush"}\n', 'version'],
  ['too long', `{"version":1,"command":"flush","name":"${'a'.repeat(5000)}"}\n`, 'malformed'],
  ['endless', 'a'.repeat(5000), 'malformed'],
  ['not text', Uint8Array.of(0xff, 0xfe, 0x0a), 'malformed'],
] as const) {
  test(`a request that is ${what} is refused, and the next one is served`, async () => {
    await using rig = await createRig();
    await using _ = await rig.open();
    assert.deepEqual(JSON.parse(await send(rig.path, request)), { version: 1, error });
    assert.deepEqual(rig.flushed, []);
    assert.equal(await flushCache([rig.path], undefined, systemClock), 1);
  });
}

test('a client that says nothing is disconnected after ten seconds', async () => {
  await using rig = await createRig();
  await using _ = await rig.open();
  const socket = await open(rig.path);
  socket.write('{');
  // Once the next client is served, the server knows both.
  await flushCache([rig.path], undefined, systemClock);
  rig.clock.advance(10_000);
  assert.equal(await text(socket), '');
});

test('a failed flush is told to the client, without its reason', async () => {
  await using rig = await createRig();
  const flush = (): Promise<number> => Promise.reject(new Error('secret.example'));
  await using _ = await ControlServer.open({ clock: rig.clock, flush }, rig.path);
  assert.deepEqual(JSON.parse(await send(rig.path, '{"version":1,"command":"flush"}\n')), {
    version: 1,
    error: 'failed',
  });
});

test('a second daemon does not take over the socket of a running one, nor remove another file', async () => {
  await using rig = await createRig();
  const server = await rig.open();
  await assert.rejects(rig.open(), { code: 'ERR_CONTROL_SOCKET' });
  assert.equal(await flushCache([rig.path], undefined, systemClock), 1);
  await server[Symbol.asyncDispose]();
  await mkdir(dirname(rig.path));
  await writeFile(rig.path, 'mine');
  await assert.rejects(rig.open(), { code: 'ERR_CONTROL_SOCKET' });
});

test('a command finds the first daemon that runs', async () => {
  await using rig = await createRig();
  await using _ = await rig.open();
  assert.equal(await flushCache([`${rig.path}-absent`, rig.path], undefined, systemClock), 1);
  await assert.rejects(flushCache([`${rig.path}-absent`], undefined, systemClock), { code: 'ERR_CONTROL_UNANSWERED' });
});
