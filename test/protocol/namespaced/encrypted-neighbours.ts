import assert from 'node:assert/strict';
import { runProgram } from '../../fixtures/process/run-program.ts';
import { type Party, Siege, type Target } from '../clients/hostile-neighbours.ts';
import { assertUnharmed } from '../daemon-health.ts';
import { startEncryptedLab } from '../encrypted/encrypted-lab.ts';
import { askHonestly, HONEST_TRANSPORTS } from '../encrypted/honest-clients.ts';
import { ADDRESSES } from '../namespaced.ts';
import { GOOD } from '../upstream-messages.ts';

/*
 * DoT and DoH with the default limits, and neighbours that take what they can from ten addresses. Queries of another
 * client over DoH, DoT and UDP are still answered.
 */

const { server, insider } = ADDRESSES.ipv4;
const TEN_ADDRESSES = Array.from({ length: 10 }, (_, i) => `192.0.2.${i + 20}`);
/** The default of --tcp-connections. Over TLS, further ones would not get through their handshake. */
const SLOTS = 150;
const ROUNDS = 5;

for (const address of TEN_ADDRESSES) await runProgram('ip', ['address', 'add', `${address}/24`, 'dev', 'lo']);

await using lab = await startEncryptedLab([server], '--allow', '192.0.2.0/24');
const { daemon, ports, ca } = lab;
const served = { port: daemon.port, ports, ca, address: server, from: insider };

const dot: Target = { port: ports.dot, address: server, ca };
const from = TEN_ADDRESSES;

const SCENES: Readonly<Record<string, { target: Target; parties: readonly Party[] }>> = {
  'no handshake, DoH': {
    target: { port: ports.doh, address: server },
    parties: [{ manner: 'silent', connections: 160, from }],
  },
  'no handshake, DoT': {
    target: { port: ports.dot, address: server },
    parties: [{ manner: 'silent', connections: 160, from }],
  },
  'silent over TLS, DoH': {
    target: { port: ports.doh, address: server, ca },
    parties: [{ manner: 'silent', connections: SLOTS, from }],
  },
  'silent over TLS, DoT': { target: dot, parties: [{ manner: 'silent', connections: SLOTS, from }] },
  'half-sent, trickling and deaf, DoT': {
    target: dot,
    parties: (['half-sent', 'trickling', 'deaf'] as const).map((manner) => ({ manner, connections: SLOTS / 3, from })),
  },
  'connecting again and again, DoT': { target: dot, parties: [{ manner: 'reconnecting', connections: SLOTS, from }] },
};

async function assertServed(scene: string): Promise<void> {
  const outcomes = Array.from({ length: ROUNDS }, () =>
    HONEST_TRANSPORTS.map(async (transport) => `${transport}: ${await askHonestly(transport, served)}`),
  );
  assert.deepEqual(
    [...new Set(await Promise.all(outcomes.flat()))].toSorted(),
    HONEST_TRANSPORTS.map((transport) => `${transport}: NOERROR`),
    scene,
  );
}

await assertServed('peace');
for (const [scene, { target, parties }] of Object.entries(SCENES)) {
  await using _ = await Siege.begin(target, parties);
  await assertServed(scene);
}

// Clients with more queries than there are places: their busy connections give way to those of another client.
const release = Promise.withResolvers<void>();
lab.upstream.behaviour = async (request) => {
  await release.promise;
  return GOOD(request);
};
{
  await using _ = await Siege.begin(dot, [{ manner: 'asking', connections: SLOTS, from }]);
  await assertServed('asking');
}
// Otherwise the shutdown would wait for them.
release.resolve();
await assertUnharmed(daemon);
