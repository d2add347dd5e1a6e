import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { assertUnharmed } from '../daemon-health.ts';
import { type EncryptedLab, startAttackedLab } from './encrypted-lab.ts';
import { connectHostileHttp2, type HostileHttp2Client } from './hostile-http2-client.ts';
import { HTTP2_ATTACKS } from './http2-client-attacks.ts';
import { assertNoConnections, assertServedUnder, ENDED_TIMEOUT_MS, WATCHED_MS } from './under-attack.ts';

let lab: EncryptedLab;
before(async () => {
  lab = await startAttackedLab();
});
after(() => lab[Symbol.asyncDispose]());

for (const [what, { connections = 1, run, isSlow = false, ...init }] of Object.entries(HTTP2_ATTACKS)) {
  test(`other clients are answered despite ${what}, and memory is bounded`, async (t) => {
    await assertServedUnder(t, lab, async () => {
      const clients: HostileHttp2Client[] = [];
      for (let i = 0; i < connections; i++) {
        clients.push(await connectHostileHttp2({ ...init, port: lab.ports.doh, ca: lab.ca }));
      }
      for (const client of clients) run(client);
      if (isSlow) return sleep(WATCHED_MS);
      await waitUntil('the server ends the connection', ENDED_TIMEOUT_MS, () =>
        clients.every((each) => each.turnedAway),
      );
    });
  });
}

test('the server has closed the connections of all attackers', async () => {
  await assertNoConnections(lab);
  await assertUnharmed(lab.daemon);
});
