import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { LogEvent } from '../../../src/log/log-events.ts';
import { DIG_FLAGS, readDigReply } from '../../fixtures/dns/dig.ts';
import { type NetworkNamespace, startNetworkNamespace } from '../../fixtures/namespace/network-namespace.ts';
import { type Daemon, startDaemon } from '../../fixtures/process/daemon.ts';
import { findProgram } from '../../fixtures/process/find-program.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';

/*
 * A machine whose addresses come and go, and a client on the other end of its network cable.
 */

const PORT = 5053;
/** Time within which dns4tor follows a change. */
const FOLLOW_MS = 3000;
/** The same for a new IPv6 address, which the kernel checks first (RFC 4862 §5.4). */
const FOLLOW_IPV6_MS = 6000;

interface Cable extends AsyncDisposable {
  readonly machine: NetworkNamespace;
  /** Runs ip(8) on the machine. */
  ip(...args: readonly string[]): Promise<string>;
  /** Whether the client gets an answer from this address. */
  answers(address: string, transport: 'udp' | 'tcp'): Promise<boolean>;
}

/** All interfaces of the machine are down, including loopback. */
async function layCable(): Promise<Cable> {
  await using resources = new AsyncDisposableStack();
  const machine = resources.use(await startNetworkNamespace({ script: '' }));
  const client = resources.use(await startNetworkNamespace({ script: '', within: machine }));
  const [ip, dig] = await Promise.all([findProgram('ip'), findProgram('dig')]);
  await machine.run(ip, 'link', 'add', 'lan', 'type', 'veth', 'peer', 'name', 'far', 'netns', String(client.pid));
  await client.run(ip, 'address', 'add', '192.0.2.100/24', 'dev', 'far');
  await client.run(ip, 'address', 'add', '2001:db8::100/64', 'dev', 'far', 'nodad');
  await client.run(ip, 'link', 'set', 'far', 'up');
  const running = resources.move();
  return {
    machine,
    ip: (...args) => machine.run(ip, ...args),
    async answers(address, transport) {
      const how = transport === 'tcp' ? '+tcp' : '+notcp';
      try {
        const text = await client.run(
          dig,
          ...DIG_FLAGS,
          '+timeout=1',
          how,
          '-p',
          String(PORT),
          `@${address}`,
          'localhost',
        );
        return readDigReply(text).answer.length === 1;
      } catch {
        return false;
      }
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

async function startOn({ machine }: Cable, folder: string, ...addresses: readonly string[]): Promise<Daemon> {
  const flags = addresses.flatMap((address) => ['--address', address]);
  const metrics = `unix:${join(folder, 'metrics')}`;
  const rest = ['--allow', '0.0.0.0/0', '--allow', '::/0', '--metrics', metrics, '--tor-socks', '127.0.0.1:1'];
  return startDaemon([...flags, '--port', String(PORT), '--output', 'json', ...rest], { via: machine.via });
}

/** The addresses, in order, of an event's log lines. */
function logged({ process: { output } }: Daemon, event: LogEvent): readonly string[] {
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as { readonly event: string; readonly address: string })
    .filter((line) => line.event === event)
    .map(({ address }) => address);
}

async function becomesAnswered(cable: Cable, address: string, withinMs: number): Promise<void> {
  await waitUntil(`${address} answers over UDP`, withinMs, () => cable.answers(address, 'udp'));
  assert.ok(await cable.answers(address, 'tcp'), `${address} answers over TCP`);
}

/** The local addresses, in hexadecimal, of all UDP sockets and listening TCP sockets on the port. */
async function sockets({ machine }: Cable): Promise<readonly string[]> {
  const tables = await machine.run('/bin/cat', '/proc/net/udp', '/proc/net/udp6', '/proc/net/tcp', '/proc/net/tcp6');
  const port = PORT.toString(16).toUpperCase().padStart(4, '0');
  return [...tables.matchAll(/^ *\d+: ([0-9A-F]+):([0-9A-F]{4}) \S+ (?:0A|07) /gm)].flatMap(
    ([, address = '', found]) => (found === port ? [address] : []),
  );
}

/** 192.0.2.`last` as /proc/net shows it on a little-endian machine. */
function hexOf(last: number): string {
  return `${last.toString(16).toUpperCase().padStart(2, '0')}0200C0`;
}

test('wildcards started before the network follow its addresses: they come, go, and survive an interface that goes down', async () => {
  await using directory = await createTemporaryDirectory();
  await using cable = await layCable();
  await using daemon = await startOn(cable, directory.path, '0.0.0.0', '::');
  assert.deepEqual(logged(daemon, 'listen_waiting'), [`dns://0.0.0.0:${PORT},dns://[::]:${PORT}`]);
  assert.deepEqual(await sockets(cable), []);

  await cable.ip('link', 'set', 'lan', 'up');
  await cable.ip('address', 'add', '192.0.2.1/24', 'dev', 'lan');
  await becomesAnswered(cable, '192.0.2.1', FOLLOW_MS);
  await cable.ip('address', 'add', '192.0.2.2/24', 'dev', 'lan');
  await becomesAnswered(cable, '192.0.2.2', FOLLOW_MS);
  await cable.ip('address', 'add', '2001:db8::1/64', 'dev', 'lan');
  await becomesAnswered(cable, '2001:db8::1', FOLLOW_IPV6_MS);
  assert.deepEqual(logged(daemon, 'listening'), [
    `dns://192.0.2.1:${PORT}`,
    `dns://192.0.2.2:${PORT}`,
    `dns://[2001:db8::1]:${PORT}`,
  ]);
  assert.deepEqual(logged(daemon, 'listen_failed'), []);

  const has = async (last: number): Promise<boolean> => (await sockets(cable)).includes(hexOf(last));
  assert.ok(await has(2));
  await cable.ip('address', 'del', '192.0.2.2/24', 'dev', 'lan');
  await waitUntil('the sockets of the lost address are closed', FOLLOW_MS, async () => !(await has(2)));
  assert.deepEqual(logged(daemon, 'listening_ended'), [`dns://192.0.2.2:${PORT}`]);
  assert.ok(await cable.answers('192.0.2.1', 'udp'));

  await cable.ip('link', 'set', 'lan', 'down');
  await waitUntil('the sockets of the interface are closed', FOLLOW_MS, async () => !(await has(1)));
  await cable.ip('link', 'set', 'lan', 'up');
  await becomesAnswered(cable, '192.0.2.1', FOLLOW_MS);
});

test('a configured address that the machine gets after the start is answered from then on, also after it was away', async () => {
  await using directory = await createTemporaryDirectory();
  await using cable = await layCable();
  await cable.ip('link', 'set', 'lo', 'up');
  await cable.ip('link', 'set', 'lan', 'up');
  await using daemon = await startOn(cable, directory.path, '127.0.0.1', '192.0.2.1');
  assert.deepEqual(logged(daemon, 'listen_failed'), [`dns://192.0.2.1:${PORT}`]);
  await cable.ip('address', 'add', '192.0.2.1/24', 'dev', 'lan');
  await becomesAnswered(cable, '192.0.2.1', FOLLOW_MS);
  await cable.ip('address', 'del', '192.0.2.1/24', 'dev', 'lan');
  await cable.ip('address', 'add', '192.0.2.1/24', 'dev', 'lan');
  await becomesAnswered(cable, '192.0.2.1', FOLLOW_MS);
});
