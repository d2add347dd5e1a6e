import assert from 'node:assert/strict';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { PATIENCE_MS } from '../../listener/harness.ts';
import { startLab } from '../lab.ts';
import { sendForged } from './forged-datagram.ts';

await using lab = await startLab();
const { port } = lab.daemon;

// A query that would be answered at once, and one that would be answered later.
await sendForged(0, port, buildQuery({ name: 'localhost' }));
await sendForged(0, port, buildQuery({ name: 'from-port-zero.example' }));
await waitUntil(
  'both are counted',
  PATIENCE_MS,
  async () => (await lab.counter('dns4tor_dropped_total', { reason: 'port_zero' })) === 2,
);
assert.equal(lab.asked('from-port-zero.example'), 0);
assert.equal((await lab.ask('udp', { name: 'good.example' })).rcode, 'NOERROR');
assert.equal((await lab.ask('tcp', { name: 'good.example' })).rcode, 'NOERROR');
