import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { waitUntil } from '../fixtures/wait-until.ts';
import { sumOf } from '../protocol/lab.ts';
import { startConfinedBehindDouble } from './confined-double.ts';
import { type Namespace, startNamespace } from './namespace.ts';
import { readSystemCalls, traceTo } from './system-calls.ts';

/* The system calls and SOCKS requests with which the daemon reaches the resolver. */

/** The shortest lifetime of a circuit is 10 s ± 20 %. */
const ROTATION_TIMEOUT_MS = 30_000;

let namespace: Namespace;
before(async () => {
  namespace = await startNamespace();
});
after(() => namespace[Symbol.asyncDispose]());

for (const [what, host] of [
  ['an onion', undefined],
  ['a name', 'resolver.example'],
] as const) {
  test(`G2, G8: of a resolver at ${what} Tor gets the name; nothing else is connected to, nothing sent but to clients, and no file written`, async () => {
    await using directory = await createTemporaryDirectory();
    const trace = join(directory.path, 'trace');
    const options = { via: await traceTo(trace), ...(host === undefined ? {} : { host }) };
    // Without a search for control ports, which are also on loopback or unix sockets.
    const args = ['--address', 'localhost', '--tor-control', 'none'];
    await using running = await startConfinedBehindDouble(namespace, args, options);
    const { daemon, socks, socksPath } = running;
    await daemon.answers();
    for (const flags of [['A'], ['AAAA', '+tcp'], ['PTR']]) {
      assert.equal((await daemon.ask('traced.example.com', ...flags)).status, 'NOERROR');
    }
    assert.equal((await daemon.page('/ready')).status, 200);
    daemon.process.signal('SIGTERM');
    assert.equal(await daemon.process.ended, 0);

    assert.ok(socks.requests.length > 0);
    for (const { addressType, host: dialled } of socks.requests) {
      assert.deepEqual([addressType, dialled], [3, running.host]);
    }
    const calls = await readSystemCalls(trace, daemon.process.pid);
    assert.deepEqual(calls.connected, [socksPath]);
    assert.deepEqual(calls.sentTo, ['127.0.0.1', 'AF_NETLINK']);
    assert.deepEqual(calls.families, ['AF_INET', 'AF_INET6', 'AF_NETLINK', 'AF_UNIX']);
    // The name of the process itself, which is no file on a disk.
    assert.deepEqual(calls.openedToWrite, ['/proc/self/comm']);
    assert.equal(await namespace.leakedPackets(), 0);
  });
}

test('G7: at the end of a circuit’s life another connection takes its place, with other SOCKS credentials', async () => {
  await using running = await startConfinedBehindDouble(namespace, ['--circuit-lifetime', '10s']);
  const { daemon, upstream, socks } = running;
  await daemon.answers();
  assert.equal((await daemon.ask('first.example.com')).status, 'NOERROR');
  const reconnects = 'dns4tor_upstream_reconnects_total';
  await waitUntil('the circuit is replaced', ROTATION_TIMEOUT_MS, async () => {
    return sumOf((await daemon.page('/metrics')).body, reconnects, { cause: 'lifetime' }) === 1;
  });
  const used = new Set(upstream.requests.map(({ connection }) => connection));
  assert.equal((await daemon.ask('next.example.com')).status, 'NOERROR');
  assert.ok(!used.has(upstream.requests.at(-1)?.connection ?? 0), 'the old connection is used on');
  for (const part of ['username', 'password'] as const) {
    assert.equal(new Set(socks.requests.map((request) => request[part])).size, socks.requests.length, part);
  }
});
