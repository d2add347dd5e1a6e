import assert from 'node:assert/strict';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { runProgram } from '../../fixtures/process/run-program.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { PATIENCE_MS } from '../../listener/harness.ts';
import { askAsVictim } from '../clients/hostile-neighbours.ts';
import { nameOf } from '../clients/load.ts';
import { startLab } from '../lab.ts';
import { ADDRESSES } from '../namespaced.ts';
import { connectRaw } from '../raw-client.ts';
import { readReply } from '../reply.ts';
import { GOOD } from '../upstream-messages.ts';

/*
 * Five addresses, each with as many unanswered queries as a client may have in flight. That exceeds the total limit,
 * and is three times what the default circuits carry.
 */

const { server, insider } = ADDRESSES.ipv4;
const GREEDY = Array.from({ length: 5 }, (_, i) => `192.0.2.${i + 20}`);
const PER_CLIENT = 256;
const BURST = 64;

for (const address of GREEDY) await runProgram('ip', ['address', 'add', `${address}/24`, 'dev', 'lo']);
await using lab = await startLab(
  '--address',
  '127.0.0.1',
  '--address',
  server,
  '--allow',
  '192.0.2.0/24',
  '--circuits',
  '3',
);
const { port } = lab.daemon;
const release = Promise.withResolvers<void>();
lab.upstream.behaviour = async (request) => {
  if (nameOf(request.query).startsWith('hang')) await release.promise;
  return GOOD(request);
};

let asked = 0;
await using clients = new AsyncDisposableStack();
for (const from of GREEDY) {
  const client = clients.use(await connectRaw('udp', { port, address: server, from }));
  for (let sent = 0; sent < PER_CLIENT; ) {
    for (const end = sent + BURST; sent < end; sent++) {
      client.send(buildQuery({ id: sent, name: `hang${asked++}.dns4tor-lab.net` }));
    }
    // More at once, and the kernel may drop datagrams for lack of buffer space.
    const markerId = PER_CLIENT + sent;
    await waitUntil('the burst is taken', PATIENCE_MS, () => {
      client.send(buildQuery({ id: markerId, name: 'localhost' }));
      return client.messages.some((message) => readReply(message).id === markerId);
    });
  }
}
assert.ok((await lab.counter('dns4tor_not_admitted_total', { reason: 'client' })) > 0);
assert.equal(await lab.counter('dns4tor_not_admitted_total', { reason: 'all' }), 0);

for (const victim of [{ port, address: server, from: insider }, { port }]) {
  const names = (i: number): string => `${victim.address === undefined ? 'local' : 'remote'}${i}.dns4tor-lab.net`;
  for (const transport of ['udp', 'tcp'] as const) {
    const all = await askAsVictim(victim, {
      transport,
      queries: 10,
      paceMs: 10,
      patienceMs: PATIENCE_MS,
      nameOf: (i) => `${transport}-${names(i)}`,
    });
    assert.equal(all.answered, all.asked, JSON.stringify({ transport, victim, all }));
  }
}
assert.equal(await lab.counter('dns4tor_failures_total', { reason: 'in_flight' }), 0);
release.resolve();
