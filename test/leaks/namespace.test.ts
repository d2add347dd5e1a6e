import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { findProgram } from '../fixtures/process/find-program.ts';
import { NAMESERVER, type Namespace, startNamespace } from './namespace.ts';

/* Tests of the namespace itself: it counts every packet that leaves, and nothing else. */

let namespace: Namespace;
before(async () => {
  namespace = await startNamespace();
});
after(() => namespace[Symbol.asyncDispose]());

/** Number of packets that tried to leave while a program ran, whether it failed or not. */
async function packetsOf(path: string, ...args: readonly string[]): Promise<number> {
  const known = await namespace.leakedPackets();
  await namespace.run(path, ...args).catch(() => {});
  return (await namespace.leakedPackets()) - known;
}

const DATAGRAM = `
const [host, type] = process.argv.slice(1);
const socket = (await import('node:dgram')).createSocket(type);
socket.send('leak', 53, host, () => socket.close());
`;

const CONNECTION = `
const [host] = process.argv.slice(1);
const socket = (await import('node:net')).connect(443, host);
socket.on('error', () => process.exit());
setTimeout(() => process.exit(), 300);
`;

const evaluate = (script: string, ...args: readonly string[]): Promise<number> =>
  packetsOf(process.execPath, '--input-type=module', '--eval', script, ...args);

test('where nobody sends, nothing is counted', async () => {
  assert.equal(await namespace.leakedPackets(), 0);
});

for (const [what, host, type] of [
  ['IPv4', '203.0.113.1', 'udp4'],
  ['IPv6', '2001:db8:1::1', 'udp6'],
] as const) {
  test(`a datagram over ${what} is counted`, async () => {
    assert.equal(await evaluate(DATAGRAM, host, type), 1);
  });

  test(`an attempt to connect over ${what} is counted`, async () => {
    assert.ok((await evaluate(CONNECTION, host)) > 0);
  });
}

test('a lookup by the operating system goes to the name server of the namespace, and is counted', async () => {
  assert.match(await namespace.run('/bin/cat', '/etc/resolv.conf'), new RegExp(NAMESERVER));
  assert.ok((await packetsOf(await findProgram('getent'), 'hosts', 'positive-control.example')) > 0);
});

test('packets on loopback are not counted', async () => {
  assert.equal(await evaluate(DATAGRAM, '127.0.0.1', 'udp4'), 0);
  assert.equal(await evaluate(DATAGRAM, '::1', 'udp6'), 0);
});
