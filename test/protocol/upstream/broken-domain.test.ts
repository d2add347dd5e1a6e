import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DROPS } from '../../fixtures/dns/doh-behaviours.ts';
import type { DohBehaviour } from '../../fixtures/dns/recording-doh-server.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { PATIENCE_MS } from '../../listener/harness.ts';
import { startLab } from '../lab.ts';

const unavailable: DohBehaviour = () => ({ status: 503, body: new Uint8Array(0) });
const NAMES = ['www', 'mail', 'ns'].map((label) => `${label}.broken.example`);

for (const [what, behaviour] of [
  ['an HTTP error', unavailable],
  ['the end of the connection', DROPS.FIN],
] as const) {
  test(`the service stays working and ready when three lookups of a broken domain each meet ${what}`, async () => {
    await using lab = await startLab();
    for (const name of NAMES) {
      lab.behave(name, behaviour);
      assert.equal((await lab.ask('udp', { name })).rcode, 'SERVFAIL');
    }
    const { state } = JSON.parse((await lab.daemon.page('/api/status')).body) as { state: string };
    assert.equal(state, 'working');
    assert.equal((await lab.daemon.page('/ready')).status, 200);
  });
}

test('if every query gets an HTTP error, the service is failing within seconds and logs the status once', async () => {
  await using lab = await startLab();
  lab.upstream.behaviour = unavailable;
  for (const name of NAMES) assert.equal((await lab.ask('udp', { name })).rcode, 'SERVFAIL');
  await waitUntil('the state is failing', 2 * PATIENCE_MS, async () => {
    const { state } = JSON.parse((await lab.daemon.page('/api/status')).body) as { state: string };
    return state === 'failing';
  });
  const { output } = lab.daemon.process;
  assert.equal(output.split('HTTP status 503').length - 1, 1);
  assert.doesNotMatch(output, /broken/);
});
