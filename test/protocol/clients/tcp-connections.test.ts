import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startBehindDouble } from '../../fixtures/dns/behind-double.ts';
import { buildQuery, decodeReply } from '../../fixtures/dns/messages.ts';
import type { Daemon } from '../../fixtures/process/daemon.ts';
import {
  holdYoungGenerationSmall,
  openDescriptors,
  residentBytes,
  toMiB,
} from '../../fixtures/process/process-usage.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { PATIENCE_MS, TcpClient } from '../../listener/harness.ts';
import { GOOD } from '../upstream-messages.ts';
import { drops, nameOf } from './load.ts';

const NAME = 'a.dns4tor-lab.net';

/** Queries on an open connection, and checks that an answer arrives. */
async function assertServed(client: TcpClient): Promise<void> {
  const before = client.messages.length;
  client.send(buildQuery({ name: NAME }));
  const reply = (await client.received(before + 1))[before];
  assert.equal(decodeReply(reply ?? Buffer.alloc(0)).rcode, 'NOERROR');
}

for (const [title, total, flags] of [
  ['small limits', 5, ['--tcp-connections', '5', '--tcp-connections-per-client', '3']],
  ['the default limits', 150, []],
] as const) {
  test(`with ${title}, this machine can have all connections; for one more, an idle connection is closed without a reset`, async () => {
    await using running = await startBehindDouble(GOOD, ...flags);
    const { daemon } = running;
    await using clients = new AsyncDisposableStack();
    const connect = async (): Promise<TcpClient> => clients.use(await TcpClient.connect(daemon.port));
    const open: TcpClient[] = [];
    while (open.length < total) open.push(await connect());
    await Promise.all(open.map(assertServed));
    assert.equal(await drops(daemon, 'tcp_gave_way'), 0);

    const newcomer = await connect();
    await assertServed(newcomer);
    await waitUntil('one is closed', PATIENCE_MS, () => open.some(({ ended }) => ended));
    assert.ok(open.every(({ socket }) => socket.errored === null));
    assert.equal(await drops(daemon, 'tcp_gave_way'), 1);
    assert.equal(await drops(daemon, 'tcp_connections'), 0);
  });
}

test('a query that arrives byte by byte is cut off at its timeout (RFC 7766 §6.2.3), and others are served', async () => {
  await using running = await startBehindDouble(GOOD, '--tcp-message-timeout', '300ms');
  const { daemon } = running;
  await using slow = await TcpClient.connect(daemon.port, '127.0.0.1', '127.0.0.2');
  await using other = await TcpClient.connect(daemon.port, '127.0.0.1', '127.0.0.3');
  // At the pace of waitUntil it would take ten seconds.
  const message = Buffer.alloc(200);
  message.writeUInt16BE(message.length - 2);
  let sent = 0;
  await waitUntil('the connection is closed', PATIENCE_MS, () => {
    if (!slow.socket.destroyed) slow.socket.write(message.subarray(sent, ++sent));
    return slow.ended;
  });
  assert.ok(sent < message.length, `${sent} bytes were taken`);
  assert.equal(await drops(daemon, 'tcp_message'), 1);
  await assertServed(other);
});

test('complete messages keep a connection open; without one it is closed at the idle timeout (RFC 7766 §6.2.3)', async () => {
  await using running = await startBehindDouble(GOOD, '--tcp-idle-timeout', '300ms');
  const { daemon } = running;
  await using silent = await TcpClient.connect(daemon.port);
  await using asking = await TcpClient.connect(daemon.port);
  // Each poll sends a query on this connection.
  await waitUntil('the silent one is closed', PATIENCE_MS, async () => {
    await assertServed(asking);
    return silent.ended;
  });
  assert.equal(silent.messages.length, 0);
  await asking.end();
});

test('a connection that waits for an answer is not idle: a slow answer still arrives', async () => {
  const release = Promise.withResolvers<void>();
  await using running = await startBehindDouble(
    async (request) => {
      if (nameOf(request.query).startsWith('slow')) await release.promise;
      return GOOD(request);
    },
    '--tcp-idle-timeout',
    '200ms',
  );
  const { daemon } = running;
  await using silent = await TcpClient.connect(daemon.port);
  await using waiting = await TcpClient.connect(daemon.port);
  waiting.send(buildQuery({ name: 'slow.dns4tor-lab.net' }));
  await silent.end();
  await using later = await TcpClient.connect(daemon.port);
  await later.end();
  assert.equal(waiting.ended, false);
  release.resolve();
  await waiting.received(1);
});

test('a client that half-closes after its queries gets all answers before the end (RFC 7766 §6.2.4)', async () => {
  const release = Promise.withResolvers<void>();
  await using running = await startBehindDouble(async (request) => {
    if (nameOf(request.query).startsWith('slow')) await release.promise;
    return GOOD(request);
  });
  const { daemon } = running;
  await using client = await TcpClient.connect(daemon.port);
  client.send(buildQuery({ name: 'slow.dns4tor-lab.net', id: 1 }), buildQuery({ name: 'localhost', id: 2 }));
  client.socket.end();
  await client.received(1);
  release.resolve();
  const replies = await client.received(2);
  await client.end();
  assert.deepEqual(
    replies.map((reply) => reply.readUInt16BE(0)),
    [2, 1],
  );
});

const COMINGS_AND_GOINGS = 8000;
const AT_A_TIME = 100;
/** Margin for uncollected garbage. Leaked connections would take more than 8 kB each, 64 MiB in total. */
const MAX_GROWTH_BYTES = 48 * 2 ** 20;

/** Opens a connection and ends it in one of the ways of real clients. */
async function comeAndGo(daemon: Daemon, serial: number): Promise<void> {
  await using client = await TcpClient.connect(daemon.port);
  switch (serial % 4) {
    case 0:
      return;
    case 1:
      return void client.socket.resetAndDestroy();
    case 2:
      client.send(buildQuery({ name: NAME }));
      return void client.socket.resetAndDestroy();
    default:
      await assertServed(client);
  }
}

test(`${COMINGS_AND_GOINGS} connections that come and go, some by a reset, leave nothing behind`, async (t) => {
  holdYoungGenerationSmall();
  // Twice as many as exist, because the daemon learns of an end after the next one has connected.
  await using running = await startBehindDouble(
    GOOD,
    '--tcp-connections',
    String(2 * AT_A_TIME),
    '--tcp-connections-per-client',
    String(2 * AT_A_TIME),
  );
  const { daemon } = running;
  const { pid } = daemon.process;
  const comeAndGoTogether = async (count: number): Promise<void> => {
    for (let serial = 0; serial < count; serial += AT_A_TIME) {
      await Promise.all(Array.from({ length: AT_A_TIME }, (_, i) => comeAndGo(daemon, serial + i)));
    }
  };
  // The first connections cause one-time allocations.
  await comeAndGoTogether(COMINGS_AND_GOINGS / 2);
  const descriptors = await openDescriptors(pid);
  const residentBefore = await residentBytes(pid);
  await comeAndGoTogether(COMINGS_AND_GOINGS);
  await waitUntil(
    'their file descriptors are closed',
    PATIENCE_MS,
    async () => (await openDescriptors(pid)) <= descriptors,
  );
  const residentAfter = await residentBytes(pid);
  t.diagnostic(`RSS before ${toMiB(residentBefore)}, after ${toMiB(residentAfter)}; ${descriptors} descriptors`);
  assert.ok(residentAfter - residentBefore < MAX_GROWTH_BYTES);
  await using client = await TcpClient.connect(daemon.port);
  await assertServed(client);
});
