import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { rcodeOf } from '../../../src/message/wire/header.ts';
import { startBehindDouble } from '../../fixtures/dns/behind-double.ts';
import { UdpClient } from '../../fixtures/dns/udp-client.ts';
import { cleanEnvironment, dns4tor, startDaemon } from '../../fixtures/process/daemon.ts';
import { findProgram } from '../../fixtures/process/find-program.ts';
import { handOver } from '../../fixtures/process/hand-over.ts';
import { type NotifyReceiver, startNotifyReceiver } from '../../fixtures/process/notify-receiver.ts';
import { startProcess } from '../../fixtures/process/process.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { GOOD } from '../upstream-messages.ts';

const PATIENCE_MS = 30_000;
/** Nothing listens on port 1, so no Tor ever answers. */
const NO_TOR = ['--tor-socks', '127.0.0.1:1'];

before(() => findProgram('systemd-notify'));

interface Rig extends AsyncDisposable {
  readonly receiver: NotifyReceiver;
  readonly env: NodeJS.ProcessEnv;
}

/** A receiver, and the environment of a process that notifies it, with a watchdog if `watchdogMs` is given. */
async function createRig(watchdogMs?: number): Promise<Rig> {
  await using resources = new AsyncDisposableStack();
  const directory = resources.use(await createTemporaryDirectory());
  const socket = join(directory.path, 'notify');
  const receiver = resources.use(await startNotifyReceiver(socket));
  const watchdog = watchdogMs === undefined ? {} : { WATCHDOG_USEC: String(watchdogMs * 1000) };
  const running = resources.move();
  return {
    receiver,
    env: { ...cleanEnvironment(), NOTIFY_SOCKET: socket, ...watchdog },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

function pings({ messages }: NotifyReceiver): number {
  return messages.flat().filter((assignment) => assignment === 'WATCHDOG=1').length;
}

test('it is ready once queries are taken, without Tor, and says that it stops', async () => {
  await using rig = await createRig();
  await using daemon = await startDaemon(NO_TOR, { env: rig.env });
  await rig.receiver.receives('READY=1');
  assert.equal(rig.receiver.messages[0]?.[0], 'READY=1');
  await using client = await UdpClient.open(daemon.port);
  assert.equal(rcodeOf(await client.ask({ name: 'localhost' })), 0);
  await daemon.process.stop();
  assert.ok(rig.receiver.messages.some(([first]) => first === 'STOPPING=1'));
  assert.equal(pings(rig.receiver), 0);
});

test('the status follows the service, and has no name that was asked for', async () => {
  await using rig = await createRig();
  const { NOTIFY_SOCKET: socket } = rig.env;
  Object.assign(process.env, { NOTIFY_SOCKET: socket });
  try {
    await using behind = await startBehindDouble(GOOD);
    await behind.daemon.answers();
    await using client = await UdpClient.open(behind.daemon.port);
    await client.ask({ name: 'canary.dns4tor-lab.net' });
    const { body } = await behind.daemon.page('/api/status');
    const { headline } = JSON.parse(body) as { headline: string };
    await rig.receiver.receives(`STATUS=${headline}`);
    assert.ok(rig.receiver.messages.every((message) => !message.join().includes('canary')));
  } finally {
    delete process.env['NOTIFY_SOCKET'];
  }
});

test('signs of life come while the event loop runs, stop while the process is stopped, and cost no query in the metrics', async () => {
  await using rig = await createRig(1000);
  await using daemon = await startDaemon(NO_TOR, { env: rig.env });
  await waitUntil('it is alive', PATIENCE_MS, () => pings(rig.receiver) >= 3);
  const { body } = await daemon.page('/metrics');
  assert.doesNotMatch(body, /^coredns_dns_requests_total\{.*\} [1-9]/m);
  assert.doesNotMatch(body, /^coredns_dns_responses_total\{.*\} [1-9]/m);
  daemon.process.pause();
  // Real time: the kernel stops the process, so no clock of this test can.
  await sleep(200);
  const atStop = pings(rig.receiver);
  await sleep(2000);
  assert.equal(pings(rig.receiver), atStop);
  daemon.process.resume();
  await waitUntil('it is alive again', PATIENCE_MS, () => pings(rig.receiver) > atStop);
});

test('without koffi, systemd-notify tells that it is ready and alive', async () => {
  await using rig = await createRig(2000);
  await using daemon = await startDaemon([...NO_TOR, '--udp-io', 'dgram'], { env: rig.env });
  await rig.receiver.receives('READY=1');
  await waitUntil('it is alive', PATIENCE_MS, () => pings(rig.receiver) >= 2);
  assert.ok(!daemon.process.output.includes('Cannot notify'));
});

for (const [what, confinement, flags] of [
  ['in the sandbox of the unit', { confined: true }, []],
  ['in the sandbox without koffi', { confined: true }, ['--udp-io', 'dgram']],
  ['with the drop-in jitless.conf', { confined: true, withoutNewCode: true }, []],
] as const) {
  test(`it is ready and alive ${what}`, async () => {
    await using rig = await createRig(2000);
    const [program = '', ...launcher] = await handOver(['dns=udp=127.0.0.1', 'dns=tcp=127.0.0.1'], confinement);
    const jitless = 'withoutNewCode' in confinement ? { NODE_OPTIONS: '--jitless' } : {};
    await using daemon = await startProcess(
      program,
      [...launcher, ...dns4tor(), 'proxy-dns', '--tor-socks', 'unix:/nonexistent', '--tor-control', 'none', ...flags],
      { env: { ...rig.env, ...jitless } },
    );
    await rig.receiver.receives('READY=1');
    await waitUntil('it is alive', PATIENCE_MS, () => pings(rig.receiver) >= 2);
    assert.ok(!daemon.output.includes('Cannot notify'), daemon.output);
  });
}

test('a socket that nobody reads is reported in the log, and queries are answered all the same', async () => {
  await using rig = await createRig();
  const env = { ...rig.env, NOTIFY_SOCKET: `${rig.env['NOTIFY_SOCKET']}-gone` };
  await using daemon = await startDaemon(NO_TOR, { env });
  await daemon.logs('Cannot notify systemd');
  await using client = await UdpClient.open(daemon.port);
  assert.equal(rcodeOf(await client.ask({ name: 'localhost' })), 0);
});
