import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { PATIENCE_MS, TcpClient } from '../../listener/harness.ts';
import { connectDot } from '../encrypted/dot-client.ts';
import { startEncryptedLab } from '../encrypted/encrypted-lab.ts';
import { ADDRESSES, type IpVersion } from '../namespaced.ts';
import { readReply } from '../reply.ts';

/*
 * DoT on an address of the network: the access list, and the limit of connections per client.
 */

const [version = 'ipv4'] = process.argv.slice(2) as [IpVersion?];
const { network, server, second, insider, outsider } = ADDRESSES[version];
await using lab = await startEncryptedLab([server], '--allow', network, '--tcp-connections-per-client', '2');
const dot = { address: server, port: lab.ports.dot, ca: lab.ca };
const drops = (reason: string): Promise<number> => lab.counter('dns4tor_dropped_total', { reason });

await using stranger = TcpClient.over(connect({ host: server, port: dot.port, localAddress: outsider }));
await stranger.end();
assert.equal(await drops('not_allowed'), 1);
await assert.rejects(connectDot(dot, outsider));
assert.equal(await drops('not_allowed'), 2);
assert.equal(await drops('tls_handshake'), 0);

async function serve(client: TcpClient): Promise<void> {
  const before = client.messages.length;
  client.send(buildQuery({ name: 'allowed.example' }));
  const [reply] = (await client.received(before + 1)).slice(before);
  assert.equal(readReply(reply ?? Buffer.alloc(0)).rcode, 'NOERROR');
}

await using first = await connectDot(dot, insider);
await serve(first);

// IPv6 addresses of one /64 are one client.
if (version === 'ipv4') {
  await using other = await connectDot(dot, second);
  await serve(other);
  await using next = await connectDot(dot, insider);
  await serve(next);
  // One more of this client evicts its own.
  await using last = await connectDot(dot, insider);
  await serve(last);
  await waitUntil('one is closed', PATIENCE_MS, () => first.ended);
  assert.equal(await drops('tcp_gave_way'), 1);
  for (const client of [other, next, last]) await serve(client);
}
