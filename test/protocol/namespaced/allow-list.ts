import assert from 'node:assert/strict';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { PATIENCE_MS } from '../../listener/harness.ts';
import { startLab } from '../lab.ts';
import { ADDRESSES, type IpVersion } from '../namespaced.ts';
import { connectRaw, exchange, type Transport } from '../raw-client.ts';
import { readReply } from '../reply.ts';

const [transport = 'udp', version = 'ipv4'] = process.argv.slice(2) as [Transport?, IpVersion?];
const { network, server, insider, outsider } = ADDRESSES[version];
await using lab = await startLab('--address', server, '--allow', network);
const endpoint = { port: lab.daemon.port, address: server };

/** A local name, a name for upstream, and a query that would be refused. */
const queries = [
  buildQuery({ name: 'localhost' }),
  buildQuery({ name: 'allowed.example' }),
  buildQuery({ type: 'AXFR' }),
  buildQuery().subarray(0, 20),
];

await using stranger = await connectRaw(transport, { ...endpoint, from: outsider });
stranger.send(...queries);
// Over TCP, the connection is closed before anything is read.
const drops = transport === 'udp' ? queries.length : 1;
await waitUntil(
  'the stranger is counted',
  PATIENCE_MS,
  async () => (await lab.counter('dns4tor_dropped_total', { reason: 'not_allowed' })) === drops,
);
if (transport === 'tcp')
  await waitUntil('the connection of the stranger is closed', PATIENCE_MS, () => stranger.ended === true);
assert.equal(lab.asked('allowed.example'), 0);

// The server's own address and another one of the network.
for (const from of [insider, server]) {
  const reply = readReply(await exchange(transport, { ...endpoint, from }, buildQuery({ name: 'allowed.example' })));
  assert.deepEqual([reply.rcode, reply.answers.length], ['NOERROR', 1], from);
}
assert.deepEqual(stranger.messages, []);
assert.equal(await lab.counter('coredns_dns_responses_total'), 2);
