import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../src/lib/clock.ts';
import { type ControlOptions, openControl } from '../../src/tor/control.ts';
import type { ControlReply } from '../../src/tor/control-reply.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { type OfflineTor, startOfflineTor } from './offline-tor.ts';

function controlOptions(tor: OfflineTor): ControlOptions {
  return { socketPath: tor.controlPath, cookiePath: tor.cookiePath, clock: systemClock, onEvent: () => {} };
}

test("tor's control port takes the cookie and answers commands in their order", async () => {
  await using tor = await startOfflineTor();
  using control = await openControl(controlOptions(tor));
  const [pid, phase] = await Promise.all([
    control.command('GETINFO process/pid'),
    control.command('GETINFO status/bootstrap-phase'),
  ]);
  assert.deepEqual(pid, [`process/pid=${tor.process.pid}`, 'OK']);
  assert.match(phase[0] ?? '', /^status\/bootstrap-phase=\w+ BOOTSTRAP PROGRESS=\d+ /);
});

test('a command that tor refuses is an error with its words, and the connection goes on', async () => {
  await using tor = await startOfflineTor();
  using control = await openControl(controlOptions(tor));
  await assert.rejects(control.command('GETINFO nonsense'), { code: 'ERR_TOR_CONTROL', message: /552 .*nonsense/ });
  await control.command('GETINFO version');
});

test('events come beside the replies', async () => {
  await using tor = await startOfflineTor();
  const { promise, resolve } = Promise.withResolvers<ControlReply>();
  using control = await openControl({ ...controlOptions(tor), onEvent: resolve });
  await control.command('SETEVENTS CONF_CHANGED');
  await control.command('SETCONF MaxCircuitDirtiness=700');
  assert.deepEqual(await promise, { status: 650, lines: ['CONF_CHANGED', 'MaxCircuitDirtiness=700', 'OK'] });
});

test('a wrong cookie is refused', async () => {
  await using tor = await startOfflineTor();
  await using directory = await createTemporaryDirectory();
  const cookiePath = join(directory.path, 'cookie');
  await writeFile(cookiePath, Buffer.alloc(32));
  await assert.rejects(openControl({ ...controlOptions(tor), cookiePath }), {
    code: 'ERR_TOR_CONTROL',
    message: /515/,
  });
});

test('commands fail when tor goes away', async () => {
  await using tor = await startOfflineTor();
  using control = await openControl(controlOptions(tor));
  tor.process.pause();
  const unanswered = assert.rejects(control.command('GETINFO version'), { code: 'ERR_TOR_CONTROL' });
  await tor.process.kill();
  await unanswered;
  await assert.rejects(control.command('GETINFO version'), { code: 'ERR_TOR_CONTROL' });
});

test('a server that never answers is given up', async () => {
  await using directory = await createTemporaryDirectory();
  const socketPath = join(directory.path, 'control');
  const server = createServer().listen(socketPath);
  const connected = once(server, 'connection');
  const clock = new ManualClock();
  const opening = openControl({ socketPath, cookiePath: '/nonexistent', clock, onEvent: () => {} });
  const refused = assert.rejects(opening, { code: 'ERR_TOR_CONTROL' });
  const [client] = await connected;
  await once(client, 'data');
  clock.advance(10_000);
  await refused;
  assert.equal(clock.pendingTimers, 0);
  server.close();
});

test('a socket that is not there is an error with the cause', async () => {
  const options = {
    socketPath: '/nonexistent/control',
    cookiePath: '/nonexistent',
    clock: systemClock,
    onEvent: () => {},
  };
  await assert.rejects(openControl(options), (error: Error) => {
    assert.equal((error.cause as NodeJS.ErrnoException).code, 'ENOENT');
    return true;
  });
});
