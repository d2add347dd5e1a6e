import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../../src/lib/clock.ts';
import { systemRandom } from '../../../src/lib/random.ts';
import { type ControlOptions, openControl } from '../../../src/tor/control/control-connection.ts';
import type { ControlReply } from '../../../src/tor/control/control-reply.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { startControlDouble } from '../control-double.ts';
import { type OfflineTor, startOfflineTor } from '../offline-tor.ts';

function controlOptions({ control }: OfflineTor): ControlOptions {
  return { address: control, clock: systemClock, random: systemRandom, onEvent: () => {} };
}

test("Tor's control port accepts the cookie and replies to commands in order", async () => {
  await using tor = await startOfflineTor();
  using control = await openControl(controlOptions(tor));
  const [pid, phase] = await Promise.all([
    control.command('GETINFO process/pid'),
    control.command('GETINFO status/bootstrap-phase'),
  ]);
  assert.deepEqual(pid, [`process/pid=${tor.process.pid}`, 'OK']);
  assert.match(phase[0] ?? '', /^status\/bootstrap-phase=\w+ BOOTSTRAP PROGRESS=\d+ /);
});

test('a command that Tor rejects is an error with its message, and the connection stays open', async () => {
  await using tor = await startOfflineTor();
  using control = await openControl(controlOptions(tor));
  await assert.rejects(control.command('GETINFO nonsense'), { code: 'ERR_TOR_CONTROL', message: /552 .*nonsense/ });
  await control.command('GETINFO version');
});

test('events are delivered separately from replies', async () => {
  await using tor = await startOfflineTor();
  const { promise, resolve } = Promise.withResolvers<ControlReply>();
  using control = await openControl({ ...controlOptions(tor), onEvent: resolve });
  await control.command('SETEVENTS CONF_CHANGED');
  await control.command('SETCONF MaxCircuitDirtiness=700');
  assert.deepEqual(await promise, { status: 650, lines: ['CONF_CHANGED', 'MaxCircuitDirtiness=700', 'OK'] });
});

test('a reply is delivered before the events that follow it in the same chunk', async () => {
  await using tor = await startControlDouble({
    'GETINFO version': ['250 OK', '650 SIGNAL NEWNYM', '650 SIGNAL DUMP'],
  });
  const seen: string[] = [];
  using control = await openControl({
    address: tor.address,
    clock: systemClock,
    random: systemRandom,
    onEvent: ({ lines }) => seen.push(...lines),
  });
  await control.command('GETINFO version', (lines) => seen.push(...lines));
  assert.deepEqual(seen, ['OK', 'SIGNAL NEWNYM', 'SIGNAL DUMP']);
});

test('the end of the connection is reported with the reason', async () => {
  await using tor = await startOfflineTor();
  using control = await openControl(controlOptions(tor));
  assert.equal(control.isOpen, true);
  await tor.process.kill();
  const { code, message } = await control.closed;
  assert.equal(code, 'ERR_TOR_CONTROL');
  assert.match(message, /^unix:\/.*\/control \(.+\): /);
  assert.equal(control.isOpen, false);
});

test('a signal aborts the opening of a connection', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'control');
  const silent = createServer().listen(path);
  const connected = once(silent, 'connection');
  const closing = new AbortController();
  const { signal } = closing;
  const options = { clock: systemClock, random: systemRandom, signal, onEvent: () => {} };
  const opening = assert.rejects(openControl({ ...options, address: { kind: 'unix', path } }), {
    code: 'ERR_TOR_CONTROL',
  });
  await connected;
  closing.abort();
  await opening;
  silent.close();
});

test('commands fail when Tor dies', async () => {
  await using tor = await startOfflineTor();
  using control = await openControl(controlOptions(tor));
  tor.process.pause();
  const unanswered = assert.rejects(control.command('GETINFO version'), { code: 'ERR_TOR_CONTROL' });
  await tor.process.kill();
  await unanswered;
  await assert.rejects(control.command('GETINFO version'), { code: 'ERR_TOR_CONTROL' });
});

test('a server that never replies times out', async () => {
  await using directory = await createTemporaryDirectory();
  const socketPath = join(directory.path, 'control');
  const server = createServer().listen(socketPath);
  const connected = once(server, 'connection');
  const clock = new ManualClock();
  const address = { kind: 'unix', path: socketPath } as const;
  const opening = openControl({ address, clock, random: systemRandom, onEvent: () => {} });
  const refused = assert.rejects(opening, { code: 'ERR_TOR_CONTROL' });
  const [client] = await connected;
  await once(client, 'data');
  clock.advance(10_000);
  await refused;
  assert.equal(clock.pendingTimers, 0);
  server.close();
});

test("a missing socket is an error with the system's error as its cause", async () => {
  const address = { kind: 'unix', path: '/nonexistent/control' } as const;
  const options = { address, clock: systemClock, random: systemRandom, onEvent: () => {} };
  await assert.rejects(openControl(options), (error: Error) => {
    assert.match(error.message, /^unix:\/nonexistent\/control \(ENOENT\)/);
    assert.equal((error.cause as NodeJS.ErrnoException).code, 'ENOENT');
    return true;
  });
});
