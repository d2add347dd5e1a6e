import assert from 'node:assert/strict';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { PATIENCE_MS } from '../../listener/harness.ts';
import { METRICS, startHandedOver } from '../handed-over.ts';
import { sumOf } from '../lab.ts';
import { ADDRESSES } from '../namespaced.ts';
import { connectRaw, exchange, TRANSPORTS } from '../raw-client.ts';
import { readReply } from '../reply.ts';

const { network, server, insider, outsider } = ADDRESSES.ipv4;
await using running = await startHandedOver([`dns=udp=${server}`, `dns=tcp=${server}`, METRICS], {}, [
  '--allow',
  network,
]);
const { daemon } = running;
const endpoint = { port: daemon.port, address: server };
const query = buildQuery({ name: 'localhost' });

for (const [index, transport] of TRANSPORTS.entries()) {
  await using stranger = await connectRaw(transport, { ...endpoint, from: outsider });
  stranger.send(query);
  await waitUntil('the stranger is counted', PATIENCE_MS, async () => {
    const { body } = await daemon.page('/metrics');
    return sumOf(body, 'dns4tor_dropped_total', { reason: 'not_allowed' }) === index + 1;
  });
  assert.equal(readReply(await exchange(transport, { ...endpoint, from: insider }, query)).answers.length, 1);
  assert.deepEqual(stranger.messages, []);
}
