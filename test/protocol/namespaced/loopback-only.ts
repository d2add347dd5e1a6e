import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { startLab } from '../lab.ts';
import { ADDRESSES } from '../namespaced.ts';
import { connectRaw, exchange, TRANSPORTS } from '../raw-client.ts';
import { readReply } from '../reply.ts';

const QUERY = buildQuery({ name: 'localhost' });
const REFUSED = { code: 'ECONNREFUSED' };
await using lab = await startLab('--address', 'localhost');
const { port } = lab.daemon;

for (const transport of TRANSPORTS) {
  for (const address of ['127.0.0.1', '::1']) {
    assert.equal(readReply(await exchange(transport, { port, address }, QUERY)).answers.length, 1, address);
  }
}
for (const address of [ADDRESSES.ipv4.server, ADDRESSES.ipv6.server]) {
  await assert.rejects(connectRaw('tcp', { port, address }), REFUSED);
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  socket.connect(port, address);
  await once(socket, 'connect');
  // The kernel refuses datagrams to a port without a socket, as TCP does.
  await assert.rejects(
    new Promise((resolve, reject) => socket.once('message', resolve).once('error', reject).send(QUERY)),
    REFUSED,
  );
  socket.close();
}
