import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TorAnswers } from '../../src/check/ask-tor.ts';
import { type BootstrapSources, findBootstrap } from '../../src/check/bootstrap-finding.ts';
import type { TorFinding } from '../../src/check/find-tor.ts';
import { Dns4torError } from '../../src/failures/errors.ts';
import type { TorStatus } from '../../src/model/tor-status.ts';
import { install } from '../../src/system/install.ts';
import { judgeManagedTor } from '../../src/tor/socks/socks-peer.ts';
import { createRig, MANAGERS, TARGET } from '../system/rig.ts';
import { snapshotOf, stuck } from './stuck.ts';

const EXTERNAL: TorFinding = {
  kind: 'running',
  socks: { kind: 'unix', path: '/run/tor/socks' },
  standing: 'tor',
  program: 'tor',
  isManaged: false,
  judgePeer: judgeManagedTor,
  control: { kind: 'auto' },
};
const BOOTSTRAPPING: TorStatus = { state: 'bootstrapping', bootstrapPercent: 5, bootstrapSummary: 'Connecting' };
const TROUBLE = stuck('ERR_TOR_BLOCKED').trouble;

function answering(status: TorStatus): () => Promise<TorAnswers> {
  return async () => ({ status, consensus: undefined, onionKeys: new Map() });
}

async function find(sources: Partial<BootstrapSources>): ReturnType<typeof findBootstrap> {
  await using rig = await createRig();
  return await findBootstrap({
    found: EXTERNAL,
    running: undefined,
    answers: answering(BOOTSTRAPPING),
    watch: () => assert.fail('watched'),
    fs: rig.machine.fs,
    ...sources,
  });
}

test('a Tor that is up is not watched', async () => {
  const finding = await find({ answers: answering({ state: 'up', bootstrapPercent: 100 }) });
  assert.equal(finding?.state, 'up');
});

test('a running dns4tor that follows the same Tor says why it is stuck', async () => {
  const finding = await find({ running: { tor: snapshotOf('external', 'stuck', TROUBLE) } });
  assert.deepEqual(finding?.trouble, TROUBLE);
});

test('a dns4tor that follows another Tor is not asked: one of another kind, or in another phase', async () => {
  let watched = 0;
  const watch = async (): Promise<TorStatus> => {
    watched++;
    return BOOTSTRAPPING;
  };
  const elsewhere = { ...snapshotOf('external', 'stuck', TROUBLE), bootstrapPercent: 40 };
  for (const tor of [snapshotOf('managed', 'stuck', TROUBLE), elsewhere]) {
    assert.equal((await find({ running: { tor }, watch }))?.state, 'bootstrapping');
  }
  assert.equal(watched, 2);
});

test('without a running dns4tor, the reason comes from watching Tor', async () => {
  const trouble = new Dns4torError('ERR_TOR_CLOCK', 'Tor is stuck at 40 %');
  const finding = await find({ watch: async () => ({ ...BOOTSTRAPPING, state: 'stuck', trouble }) });
  const { problem, remedy } = trouble;
  assert.deepEqual(finding?.trouble, { reason: 'tor_clock', problem, remedy });
});

test('where dns4tor is the system resolver, the remedy names the way to log in to the network', async () => {
  await using rig = await createRig();
  await MANAGERS['a plain file'](rig);
  await install(rig.machine, TARGET, { confirmWithinMs: 60_000 });
  const trouble = new Dns4torError('ERR_TOR_BLOCKED', 'Tor is stuck at 5 %');
  const watch = async (): Promise<TorStatus> => ({ ...BOOTSTRAPPING, state: 'stuck', trouble });
  const finding = await find({ watch, fs: rig.machine.fs });
  assert.match(finding?.trouble?.remedy ?? '', /\bdns4tor pause\b/);
});

test('where the control port is closed to this user, a running dns4tor tells', async () => {
  const answers = (): never => {
    throw new Dns4torError('ERR_TOR_CONTROL');
  };
  await assert.rejects(find({ answers }), { code: 'ERR_TOR_CONTROL' });
  const running = { tor: snapshotOf('external', 'stuck', TROUBLE) };
  assert.deepEqual((await find({ answers, running }))?.trouble, TROUBLE);
});

test('the managed Tor of another user is known from its dns4tor alone', async () => {
  const found: TorFinding = { kind: 'startable', version: '' };
  assert.equal(await find({ found }), undefined);
  assert.equal(await find({ found, running: { tor: snapshotOf('external', 'up') } }), undefined);
  assert.equal((await find({ found, running: { tor: snapshotOf('managed', 'up') } }))?.state, 'up');
});
