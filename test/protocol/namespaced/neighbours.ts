import assert from 'node:assert/strict';
import { runProgram } from '../../fixtures/process/run-program.ts';
import { askAsVictim, type Party, Siege } from '../clients/hostile-neighbours.ts';
import { startLab } from '../lab.ts';
import { ADDRESSES } from '../namespaced.ts';
import type { Endpoint } from '../raw-client.ts';
import { GOOD } from '../upstream-messages.ts';

/*
 * A server with the default limits, and neighbours that take what they can from many addresses. Queries of another
 * client over TCP and UDP are still answered.
 */

const { server, insider } = ADDRESSES.ipv4;
const TEN_ADDRESSES = Array.from({ length: 10 }, (_, i) => `192.0.2.${i + 20}`);
const EIGHT_OF_ONE_NETWORK = Array.from({ length: 8 }, (_, i) => `2001:db8:0:1::${i + 1}`);

for (const address of TEN_ADDRESSES) await runProgram('ip', ['address', 'add', `${address}/24`, 'dev', 'lo']);
for (const address of EIGHT_OF_ONE_NETWORK) {
  await runProgram('ip', ['address', 'add', `${address}/64`, 'dev', 'lo', 'nodad']);
}

await using lab = await startLab(
  ...['127.0.0.1', server, ADDRESSES.ipv6.server].flatMap((address) => ['--address', address]),
  '--allow',
  '192.0.2.0/24',
  '--allow',
  '2001:db8::/32',
);
const { port } = lab.daemon;

const SCENES: Readonly<Record<string, { target: Endpoint; victim: Endpoint; parties: readonly Party[] }>> = {
  'silent, of this machine': {
    target: { port },
    victim: { port },
    parties: [{ manner: 'silent', connections: 150 }],
  },
  'silent, from ten addresses': {
    target: { port, address: server },
    victim: { port, address: server, from: insider },
    parties: [{ manner: 'silent', connections: 160, from: TEN_ADDRESSES }],
  },
  'silent, from eight addresses of one /64': {
    target: { port, address: ADDRESSES.ipv6.server },
    victim: { port, address: ADDRESSES.ipv6.server, from: ADDRESSES.ipv6.insider },
    parties: [{ manner: 'silent', connections: 160, from: EIGHT_OF_ONE_NETWORK }],
  },
  'half-sent, trickling and deaf': {
    target: { port, address: server },
    victim: { port, address: server, from: insider },
    parties: (['half-sent', 'trickling', 'deaf'] as const).map((manner) => ({
      manner,
      connections: 60,
      from: TEN_ADDRESSES,
    })),
  },
  'connecting again and again': {
    target: { port, address: server },
    victim: { port, address: server, from: insider },
    parties: [{ manner: 'reconnecting', connections: 200, from: TEN_ADDRESSES }],
  },
  'connecting again and again, of this machine': {
    target: { port },
    victim: { port },
    parties: [{ manner: 'reconnecting', connections: 200 }],
  },
};

await askAsVictim({ port }, { transport: 'tcp', queries: 1, paceMs: 0, patienceMs: 5000 });
for (const [scene, { target, victim, parties }] of Object.entries(SCENES)) {
  await using siege = await Siege.begin(target, parties);
  const ask = { queries: 20, paceMs: 20, patienceMs: 4000 };
  const [tcp, udp] = await Promise.all([
    askAsVictim(victim, { ...ask, transport: 'tcp' }),
    askAsVictim(victim, { ...ask, transport: 'udp' }),
  ]);
  assert.deepEqual([tcp.answered, tcp.cut], [tcp.asked, 0], `${scene}: ${JSON.stringify(tcp)}`);
  assert.ok(siege.open > 0);
  assert.equal(udp.answered, udp.asked, `${scene}: ${JSON.stringify(udp)}`);
}

// Clients with more queries than there are places: their busy connections give way to those of another client.
const release = Promise.withResolvers<void>();
lab.upstream.behaviour = async (request) => {
  await release.promise;
  return GOOD(request);
};
{
  await using siege = await Siege.begin({ port, address: server }, [
    { manner: 'asking', connections: 160, from: TEN_ADDRESSES },
  ]);
  const victim = { port, address: server, from: insider };
  const tcp = await askAsVictim(victim, { transport: 'tcp', queries: 10, paceMs: 50, patienceMs: 4000 });
  assert.ok(siege.open > 0);
  assert.deepEqual([tcp.answered, tcp.cut], [10, 0], `asking: ${JSON.stringify(tcp)}`);
}
// Otherwise the shutdown would wait for them.
release.resolve();
