import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { createFacts, type Facts } from '../../src/check/facts.ts';
import { type Clock, systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { formatTorAddress } from '../../src/model/tor-address.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';
import { createRig } from '../system/rig.ts';
import { listen } from '../tor/listen.ts';
import { type OfflineTor, startOfflineTor } from '../tor/offline-tor.ts';
import { configOf } from './config-of.ts';
import { snapshotOf, stuck } from './stuck.ts';

async function factsWith(clock: Clock, ...flags: readonly string[]): Promise<Facts> {
  await using rig = await createRig();
  const { fs, run } = rig.machine;
  const components = { clock, random: systemRandom, fs, run, env: {}, networkInterfaces: () => ({}) };
  return createFacts(components, configOf(...flags));
}

function flagsFor({ socks, control }: OfflineTor): readonly string[] {
  return ['--tor-socks', formatTorAddress(socks), '--tor-control', formatTorAddress(control)];
}

test('a running dns4tor says why Tor is stuck, and then no resolver is waited for', async () => {
  await using tor = await startOfflineTor();
  const { trouble } = stuck('ERR_TOR_BLOCKED');
  const status = { ...snapshotOf('external', 'stuck', trouble), bootstrapPercent: 0 };
  const server = createServer((_, response) => response.end(JSON.stringify({ format: 1, lastHour: {}, tor: status })));
  await using metrics = await listen(server);
  const facts = await factsWith(systemClock, ...flagsFor(tor), '--metrics', formatTorAddress(metrics.address));
  assert.deepEqual((await facts.bootstrap())?.trouble, trouble);
  assert.deepEqual(await facts.upstream(facts.config.upstreams[0]!), { isTorStuck: true });
});

test('without a running dns4tor, Tor is watched', async () => {
  await using tor = await startOfflineTor();
  const facts = await factsWith(systemClock, ...flagsFor(tor), '--metrics', 'unix:/nonexistent/metrics');
  assert.equal((await facts.bootstrap())?.trouble?.reason, 'tor_offline');
});

test('no status is requested from another machine', async () => {
  const clock = new ManualClock();
  const facts = await factsWith(clock, '--metrics', '192.0.2.1:9053');
  const running = facts.running();
  assert.equal(clock.pendingTimers, 0);
  assert.equal(await running, undefined);
});
