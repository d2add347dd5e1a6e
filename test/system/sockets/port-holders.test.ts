import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { findPortHolders } from '../../../src/system/sockets/port-holders.ts';
import { createFileSystem } from '../../../src/system/transaction/file-system.ts';
import { createRig } from '../rig.ts';

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';

/** A row of a socket table. These tests need a little-endian machine. */
function row(local: string, state: string, uid: number, inode: number): string {
  return `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000  ${uid}        0 ${inode} 2 0000000000000000\n`;
}

test('the sockets that listen on a port are found, with addresses, users and programs', async () => {
  await using rig = await createRig();
  const tables = '/proc/self/net';
  await rig.write(
    `${tables}/udp`,
    HEAD + row('3500007F:0035', '07', 101, 11) + row('0100007F:0036', '07', 0, 12) + row('00000000:0035', '01', 0, 13),
  );
  await rig.write(`${tables}/tcp`, HEAD + row('00000000:0035', '0A', 0, 21) + row('0100007F:0035', '01', 0, 22));
  await rig.write(
    `${tables}/udp6`,
    HEAD + row('00000000000000000000000001000000:0035', '07', 65_534, 31) + row(`${'0'.repeat(32)}:0035`, '07', 0, 0),
  );
  await rig.write('/proc/7/comm', 'dnsmasq\n');
  await rig.link('/proc/7/fd/4', 'socket:[21]');
  await rig.write('/proc/8/comm', 'resolver one\n');
  await rig.link('/proc/8/fd/3', 'socket:[11]');
  await rig.link('/proc/8/fd/5', '/dev/null');
  await rig.write('/proc/9/comm', 'ends while it is looked at\n');
  assert.deepEqual(await findPortHolders(rig.machine.fs, 53), [
    { transport: 'udp', address: '127.0.0.53', uid: 101, programs: ['resolver one'] },
    { transport: 'udp', address: '::1', uid: 65_534, programs: [] },
    { transport: 'tcp', address: '0.0.0.0', uid: 0, programs: ['dnsmasq'] },
  ]);
});

test('a Node process is named by its script, whatever its options and path', async () => {
  const lines = {
    5: ['/usr/bin/node', '/usr/lib/dns4tor/dist/launch/dns4tor.js', 'proxy-dns'],
    6: ['node', '--max-semi-space-size=1', '/usr/local/bin/dns4tor'],
    7: ['node'],
    8: ['/sbin/init'],
  };
  await using rig = await createRig();
  await rig.write('/proc/self/net/udp', HEAD + row('0100007F:0035', '07', 0, 11));
  for (const [pid, words] of Object.entries(lines)) {
    await rig.write(`/proc/${pid}/cmdline`, words.map((word) => `${word}\0`).join(''));
    await rig.write(`/proc/${pid}/comm`, pid === '8' ? 'systemd\n' : 'MainThread\n');
    await rig.link(`/proc/${pid}/fd/3`, 'socket:[11]');
  }
  const found = await findPortHolders(rig.machine.fs, 53);
  assert.deepEqual(
    found?.map(({ programs }) => programs),
    [['MainThread', 'dns4tor', 'systemd']],
  );
});

test('a system without socket tables is told apart from a free port', async () => {
  await using rig = await createRig();
  assert.equal(await findPortHolders(rig.machine.fs, 53), undefined);
  await rig.write('/proc/self/net/udp', HEAD);
  assert.deepEqual(await findPortHolders(rig.machine.fs, 53), []);
});

test("the test's own sockets are found in the tables of this machine", async () => {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  const server = createServer().listen(0, '127.0.0.1');
  try {
    await Promise.all([once(socket, 'listening'), once(server, 'listening')]);
    const ours = { address: '127.0.0.1', uid: process.getuid?.() };
    const places = [
      ['udp', socket.address().port] as const,
      ['tcp', (server.address() as { port: number }).port] as const,
    ];
    for (const [transport, port] of places) {
      const found = (await findPortHolders(createFileSystem(), port))?.find((holder) => holder.transport === transport);
      assert.deepEqual({ address: found?.address, uid: found?.uid }, ours);
      assert.equal(found?.programs.length, 1);
    }
  } finally {
    socket.close();
    server.close();
  }
});
