import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startBehindDouble } from '../../fixtures/dns/behind-double.ts';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { UdpClient } from '../../fixtures/dns/udp-client.ts';
import type { Daemon } from '../../fixtures/process/daemon.ts';
import { openDescriptors } from '../../fixtures/process/process-usage.ts';
import { runProgram } from '../../fixtures/process/run-program.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { PATIENCE_MS, TcpClient } from '../../listener/harness.ts';
import { assertUnharmed } from '../daemon-health.ts';
import { readReply } from '../reply.ts';
import { GOOD } from '../upstream-messages.ts';

/** Limits the file descriptors of the running daemon. It keeps open ones. */
async function limitDescriptors(daemon: Daemon, limit: number): Promise<void> {
  await runProgram('prlimit', ['--pid', String(daemon.process.pid), `--nofile=${limit}:`]);
}

async function rcodeOf(client: UdpClient, label: string): Promise<string> {
  return readReply(await client.ask({ name: `${label}.dns4tor-lab.net` })).rcode;
}

/** Above its open descriptors, of which it may close a few meanwhile. */
const SPARE_DESCRIPTORS = 10;
const MOST_ACCEPTED = 2 * SPARE_DESCRIPTORS;
const CONNECTIONS = 40;

test('with all file descriptors used by clients, these are served, others are closed, UDP works, and connections are accepted later', async () => {
  await using running = await startBehindDouble(GOOD, '--tcp-connections-per-client', String(CONNECTIONS));
  const { daemon } = running;
  await daemon.answers();
  await using udp = await UdpClient.open(daemon.port);
  assert.equal(await rcodeOf(udp, 'cached'), 'NOERROR');

  await limitDescriptors(daemon, (await openDescriptors(daemon.process.pid)) + SPARE_DESCRIPTORS);
  await using clients = new AsyncDisposableStack();
  const all: TcpClient[] = [];
  for (let i = 0; i < CONNECTIONS; i++) all.push(clients.use(await TcpClient.connect(daemon.port)));
  await waitUntil('connections without a descriptor are closed', PATIENCE_MS, () =>
    all.slice(MOST_ACCEPTED).every(({ ended }) => ended),
  );
  const accepted = all.filter(({ ended }) => !ended);
  assert.ok(accepted.length > 0);
  for (const client of accepted) client.send(buildQuery({ name: 'cached.dns4tor-lab.net' }));
  await Promise.all(accepted.map((client) => client.received(1)));
  assert.equal(await rcodeOf(udp, 'cached'), 'NOERROR');
  assert.equal(await rcodeOf(udp, 'new'), 'NOERROR', 'over the connection to the upstream that is open');

  await clients.disposeAsync();
  await waitUntil('a connection is accepted again', PATIENCE_MS, async () => {
    await using next = await TcpClient.connect(daemon.port);
    next.send(buildQuery({ name: 'cached.dns4tor-lab.net' }));
    await waitUntil('it is served or closed', PATIENCE_MS, () => next.messages.length > 0 || next.ended);
    return next.messages.length > 0;
  });
  await assertUnharmed(daemon);
});

test('an upstream lost while no file descriptor is left is reached again as soon as there is one', async () => {
  await using running = await startBehindDouble(GOOD);
  const { daemon, upstream } = running;
  await daemon.answers();
  await using udp = await UdpClient.open(daemon.port);
  assert.equal(await rcodeOf(udp, 'cached'), 'NOERROR');

  const none = 3;
  await limitDescriptors(daemon, none);
  let serial = 0;
  await waitUntil('the upstream is unreachable', PATIENCE_MS, async () => {
    // Each time, because a connection may have been in its handshake the time before.
    upstream.closeConnections();
    return (await rcodeOf(udp, `missed${serial++}`)) === 'SERVFAIL';
  });
  assert.equal(await rcodeOf(udp, 'cached'), 'NOERROR');

  await limitDescriptors(daemon, 1024);
  await waitUntil('the upstream is reached again', PATIENCE_MS, async () => {
    return (await rcodeOf(udp, `reached${serial++}`)) === 'NOERROR';
  });
  await assertUnharmed(daemon);
});
