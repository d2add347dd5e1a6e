import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { NotifyChannel } from '../../../src/daemon/notify/notify-channel.ts';
import { loadLinuxSockets } from '../../../src/listener/udp/linux-sockets.ts';
import { runCommand } from '../../../src/system/command.ts';
import { findProgram } from '../../fixtures/process/find-program.ts';
import { startNotifyReceiver } from '../../fixtures/process/notify-receiver.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';

const TIMEOUT_MS = 30_000;
/** More than the queue of a unix datagram socket holds (net.unix.max_dgram_qlen). */
const MORE_THAN_THE_QUEUE = 600;

const sockets = await loadLinuxSockets();

before(() => findProgram('systemd-notify'));

const failOn = (reason: string): never => assert.fail(reason);

test('a message arrives as one datagram, at a path and at an abstract name, without a process', async () => {
  await using directory = await createTemporaryDirectory();
  for (const socket of [join(directory.path, 'notify'), `@${directory.path}/abstract`]) {
    await using receiver = await startNotifyReceiver(socket);
    const channel = new NotifyChannel({ sockets, run: () => assert.fail('a process'), onFailed: failOn }, socket);
    channel.send('READY=1', 'STATUS=Working: names are resolved.');
    await receiver.receives('READY=1');
    channel.send('WATCHDOG=1');
    await receiver.receives('WATCHDOG=1');
    assert.deepEqual(receiver.messages, [['READY=1', 'STATUS=Working: names are resolved.'], ['WATCHDOG=1']]);
  }
});

test('without koffi, systemd-notify sends the messages, in order', async () => {
  await using directory = await createTemporaryDirectory();
  for (const socket of [join(directory.path, 'notify'), `@${directory.path}/abstract`]) {
    await using receiver = await startNotifyReceiver(socket);
    const channel = new NotifyChannel({ sockets: undefined, run: runCommand, onFailed: failOn }, socket);
    channel.send('READY=1', 'STATUS=Starting: Tor is at 5 %.');
    channel.send('STATUS=Working: it works.');
    channel.send('STOPPING=1');
    await receiver.receives('STOPPING=1');
    const assignments = receiver.messages.flat().filter((assignment) => /^(?:READY|STATUS|STOPPING)=/.test(assignment));
    assert.deepEqual(assignments, [
      'READY=1',
      'STATUS=Starting: Tor is at 5 %.',
      'STATUS=Working: it works.',
      'STOPPING=1',
    ]);
  }
});

test('while the queue of the manager is full, no message is lost and the event loop is not blocked', async () => {
  await using directory = await createTemporaryDirectory();
  const socket = join(directory.path, 'notify');
  await using receiver = await startNotifyReceiver(socket);
  const channel = new NotifyChannel({ sockets, run: runCommand, onFailed: failOn }, socket);
  receiver.pause();
  let sent = 0;
  const fill = (): void => {
    for (; sent < MORE_THAN_THE_QUEUE; sent++) sockets.sendToUnix(socket, Buffer.from(`STATUS=${sent}`));
  };
  assert.throws(fill, { code: 'EAGAIN' });
  channel.send('STATUS=late');
  channel.send('STATUS=last');
  receiver.resume();
  await receiver.receives('STATUS=last');
  const late = receiver.messages.flat().filter((assignment) => assignment.startsWith('STATUS=la'));
  assert.deepEqual(late, ['STATUS=late', 'STATUS=last']);
});

test('a line break in a status starts no other assignment', async () => {
  await using directory = await createTemporaryDirectory();
  const socket = join(directory.path, 'notify');
  await using receiver = await startNotifyReceiver(socket);
  const channel = new NotifyChannel({ sockets, run: runCommand, onFailed: failOn }, socket);
  channel.send('STATUS=one\nMAINPID=1\r\n\0two');
  await receiver.receives(/^STATUS/);
  assert.deepEqual(receiver.messages, [['STATUS=one MAINPID=1 two']]);
});

test('a message that cannot be delivered is reported, and the next one is tried again', async () => {
  await using directory = await createTemporaryDirectory();
  const socket = join(directory.path, 'notify');
  const failures: string[] = [];
  const onFailed = (reason: string): void => void failures.push(reason);
  const channel = new NotifyChannel({ sockets, run: runCommand, onFailed }, socket);
  channel.send('READY=1');
  await waitUntil('it is reported', TIMEOUT_MS, () => failures.length === 1);
  await using receiver = await startNotifyReceiver(socket);
  channel.send('WATCHDOG=1');
  await receiver.receives('WATCHDOG=1');
  assert.equal(failures.length, 1);
});
