import assert from 'node:assert/strict';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { PATIENCE_MS } from '../../listener/harness.ts';
import { startLab } from '../lab.ts';
import { sendForged } from './forged-datagram.ts';

await using lab = await startLab();
const { port } = lab.daemon;

// A local answer, one from upstream, a refusal, and a FORMERR. None may be answered in turn.
const queries = [
  buildQuery({ name: 'localhost' }),
  buildQuery({ name: 'own-address.example' }),
  buildQuery({ flags: 4 << 11 }),
  buildQuery().subarray(0, 20),
];
for (const query of queries) await sendForged(port, port, query);
await waitUntil(
  'each reply has come back to the daemon and was dropped',
  PATIENCE_MS,
  async () => (await lab.counter('dns4tor_dropped_total', { reason: 'response' })) === queries.length,
);
assert.equal((await lab.ask('udp', { name: 'good.example' })).rcode, 'NOERROR');
// One reply to each query, including its own, and none to a reply.
assert.equal(await lab.counter('coredns_dns_responses_total'), queries.length + 1);
assert.equal(await lab.counter('dns4tor_dropped_total'), queries.length);
