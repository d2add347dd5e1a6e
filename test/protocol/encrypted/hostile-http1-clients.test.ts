import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { assertUnharmed } from '../daemon-health.ts';
import { type EncryptedLab, startAttackedLab } from './encrypted-lab.ts';
import { connectHostileHttp1, type HostileHttp1Client } from './hostile-http1-client.ts';
import { HTTP1_ATTACKS } from './http1-client-attacks.ts';
import { assertNoConnections, assertServedUnder, ENDED_TIMEOUT_MS, WATCHED_MS } from './under-attack.ts';

let lab: EncryptedLab;
before(async () => {
  lab = await startAttackedLab();
});
after(() => lab[Symbol.asyncDispose]());

for (const [what, { connections = 1, reads = true, run, isSlow = false }] of Object.entries(HTTP1_ATTACKS)) {
  test(`other clients are answered despite ${what}, and memory is bounded`, async (t) => {
    await assertServedUnder(t, lab, async () => {
      const clients: HostileHttp1Client[] = [];
      for (let i = 0; i < connections; i++) clients.push(await connectHostileHttp1(lab.ports.doh, lab.ca, reads));
      for (const client of clients) run(client);
      if (isSlow) return sleep(WATCHED_MS);
      await waitUntil('the server ends the connection', ENDED_TIMEOUT_MS, () => clients.every(({ ended }) => ended));
    });
  });
}

test('the server has closed the connections of all attackers', async () => {
  await assertNoConnections(lab);
  await assertUnharmed(lab.daemon);
});
