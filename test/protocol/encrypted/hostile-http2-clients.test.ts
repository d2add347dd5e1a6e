import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { assertUnharmed } from '../daemon-health.ts';
import { type EncryptedLab, startEncryptedLab } from './encrypted-lab.ts';
import { connectHostileHttp2, type HostileHttp2Client } from './hostile-http2-client.ts';
import { HTTP2_ATTACKS } from './http2-client-attacks.ts';
import { LARGE_ANSWER, LARGE_NAME } from './large-answer.ts';
import { assertNoConnections, assertServedUnder } from './under-attack.ts';

/** Far longer than the idle time. */
const ENDED_TIMEOUT_MS = 10_000;
/** How long a slow attack is watched. It goes on beside those that follow. */
const WATCHED_MS = 400;

let lab: EncryptedLab;
before(async () => {
  lab = await startEncryptedLab(['127.0.0.1'], '--tcp-idle-timeout', '1s', '--tcp-message-timeout', '500ms');
  lab.behave(LARGE_NAME, LARGE_ANSWER);
  // From here on it is in the cache.
  await lab.ask('tcp', { name: LARGE_NAME });
});
after(() => lab[Symbol.asyncDispose]());

for (const [what, { connections = 1, run, isSlow = false, ...init }] of Object.entries(HTTP2_ATTACKS)) {
  test(`other clients are answered besides ${what}, and memory is bounded`, async (t) => {
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
