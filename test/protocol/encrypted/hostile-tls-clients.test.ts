import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { assertUnharmed } from '../daemon-health.ts';
import { runNamespaced } from '../namespaced.ts';
import { type EncryptedLab, startEncryptedLab } from './encrypted-lab.ts';
import { TLS_ATTACKS } from './tls-client-attacks.ts';
import { assertNoConnections, assertServedUnder } from './under-attack.ts';

/** How long a slow attack is watched. It goes on beside those that follow. */
const WATCHED_MS = 400;

let lab: EncryptedLab;
before(async () => {
  lab = await startEncryptedLab(['127.0.0.1'], '--tcp-idle-timeout', '1s', '--tcp-message-timeout', '500ms');
});
after(() => lab[Symbol.asyncDispose]());

for (const [what, { connections, run, isSlow = false }] of Object.entries(TLS_ATTACKS)) {
  for (const protocol of ['doh', 'dot'] as const) {
    test(`other clients are answered despite ${what} (${protocol}), and memory is bounded`, async (t) => {
      const target = { port: lab.ports[protocol], ca: lab.ca };
      await assertServedUnder(t, lab, async () => {
        const all = Promise.all(Array.from({ length: connections }, () => run(target)));
        await (isSlow ? sleep(WATCHED_MS) : all);
      });
    });
  }
}

test('a client cannot renegotiate over TLS 1.2 (RFC 9113 §9.2.1)', async () => {
  for (const port of [lab.ports.doh, lab.ports.dot]) {
    const socket = connect({ port, host: '127.0.0.1', ca: lab.ca, maxVersion: 'TLSv1.2' });
    await once(socket, 'secureConnect');
    const refused = once(socket, 'error');
    socket.renegotiate({}, () => assert.fail('renegotiated'));
    await refused;
    socket.destroy();
  }
});

test('the server has closed the connections of all attackers', async () => {
  await assertNoConnections(lab);
  await assertUnharmed(lab.daemon);
});

test('other clients are answered over DoH, DoT and UDP whatever neighbours do with connections from many addresses', () =>
  runNamespaced('encrypted-neighbours'));
