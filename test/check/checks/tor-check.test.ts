import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TorAnswers } from '../../../src/check/ask-tor.ts';
import type { BootstrapFinding, RunningStatus } from '../../../src/check/bootstrap-finding.ts';
import type { Verdict } from '../../../src/check/check-verdict.ts';
import { checkBootstrap, checkOnionKey, checkTor } from '../../../src/check/checks/tor-check.ts';
import type { TorFinding } from '../../../src/check/find-tor.ts';
import { Dns4torError } from '../../../src/failures/errors.ts';
import type { TorState, TorStatus } from '../../../src/model/tor-status.ts';
import type { OnionKeyPresence } from '../../../src/tor/control/onion-auth.ts';
import { judgeManagedTor } from '../../../src/tor/socks/socks-peer.ts';
import { findProgram } from '../../fixtures/process/find-program.ts';
import { configOf } from '../config-of.ts';
import { snapshotOf, stuck } from '../stuck.ts';

const RUNNING: TorFinding = {
  kind: 'running',
  socks: { kind: 'unix', path: '/run/tor/socks' },
  standing: 'tor',
  program: 'tor',
  isManaged: false,
  judgePeer: judgeManagedTor,
  control: { kind: 'auto' },
};

const STARTABLE: TorFinding = { kind: 'startable', version: 'Tor version 0.4.9.11' };

async function torVerdict(found: TorFinding, ...flags: readonly string[]): Promise<Verdict> {
  return checkTor({ tor: async () => found, running: async () => undefined, config: configOf(...flags) });
}

async function bootstrapOf(
  bootstrap: () => Promise<BootstrapFinding | undefined>,
  ...flags: readonly string[]
): Promise<Verdict> {
  return checkBootstrap({ tor: async () => RUNNING, bootstrap, config: configOf(...flags) });
}

function findingOf(state: TorState, percent: number): () => Promise<BootstrapFinding> {
  return async () => ({ state, percent, summary: 'Loading' });
}

test('onion-key: the configured key, another key, no key, and unknown', async () => {
  const statusOf = async (presence?: OnionKeyPresence): Promise<string> => {
    const onionKeys = new Map(presence === undefined ? [] : [['address', presence] as const]);
    const status: TorStatus = { state: 'up', bootstrapPercent: 100 };
    const torAnswers = async (): Promise<TorAnswers> => ({ status, consensus: undefined, onionKeys });
    return (await checkOnionKey({ tor: async () => RUNNING, torAnswers }, 'address')).status;
  };
  assert.deepEqual(await Promise.all([statusOf('present'), statusOf('another'), statusOf('absent'), statusOf()]), [
    'ok',
    'warn',
    'warn',
    'skip',
  ]);
  const noControl = { tor: async () => RUNNING, torAnswers: () => Promise.reject(new Dns4torError('ERR_TOR_CONTROL')) };
  assert.equal((await checkOnionKey(noControl, 'address')).status, 'skip');
});

test('tor: one that answers, one that may not be Tor, one that dns4tor would start, and none', async () => {
  const running = await torVerdict(RUNNING);
  assert.equal(running.status, 'ok');
  assert.match(running.line, /unix:\/run\/tor\/socks$/);
  const unproven = await torVerdict({ ...RUNNING, standing: 'unknown' });
  assert.equal(unproven.status, 'warn');
  const startable = await torVerdict(STARTABLE);
  assert.equal(startable.status, 'warn');
  assert.match(startable.line, /0\.4\.9\.11\)$/);
  const error = new Dns4torError('ERR_TOR_UNREACHABLE', '127.0.0.1:9050 (ECONNREFUSED)');
  assert.deepEqual(await torVerdict({ kind: 'missing', error }), {
    status: 'fail',
    line: error.problem,
    advice: `${error.remedy?.replace('start', 'Start')}.`,
    reason: 'tor_unreachable',
  });
});

test('tor: bridges are named by their transports and programs, never by their lines', async () => {
  const bridges = [
    `obfs4 192.0.2.77:4444 ${'C'.repeat(40)} cert=${'A'.repeat(70)} iat-mode=0`,
    `192.0.2.78:5555 ${'D'.repeat(40)}`,
  ];
  const program = await findProgram('obfs4proxy');
  const flags = [...bridges.flatMap((line) => ['--bridge', line]), '--transport', `obfs4=${program}`];
  for (const finding of [STARTABLE, { ...RUNNING, isManaged: true }]) {
    const { line } = await torVerdict(finding, ...flags);
    assert.ok(line.includes(`obfs4, carried by ${program}; vanilla`), line);
    for (const word of bridges
      .join(' ')
      .split(' ')
      .filter((text) => text !== 'obfs4')) {
      assert.ok(!line.includes(word), line);
    }
  }
});

test('tor: the Tor of a running dns4tor counts where only its status can be reached', async () => {
  const running = async (): Promise<RunningStatus> => ({ tor: snapshotOf('managed', 'bootstrapping') });
  const facts = { tor: async () => STARTABLE, running, config: configOf() };
  assert.equal((await checkTor(facts)).status, 'ok');
  const down = { ...facts, running: async () => ({ tor: snapshotOf('managed', 'down') }) };
  assert.equal((await checkTor(down)).status, 'warn');
});

test('arti has no state and takes no keys', async () => {
  const arti: TorFinding = { ...RUNNING, program: 'arti' };
  const tor = async (): Promise<TorFinding> => arti;
  const never = (): never => assert.fail('asked');
  assert.equal((await torVerdict(arti)).status, 'ok');
  assert.equal((await checkBootstrap({ tor, bootstrap: never, config: configOf() })).status, 'skip');
  assert.equal((await checkOnionKey({ tor, torAnswers: never }, 'address')).status, 'warn');
});

test('bootstrap: connected, on the way, without a circuit, and ended', async () => {
  assert.equal((await bootstrapOf(findingOf('up', 100))).status, 'ok');
  const bootstrapping = await bootstrapOf(findingOf('bootstrapping', 45));
  assert.equal(bootstrapping.status, 'warn');
  assert.match(bootstrapping.line, /\b45 % \(Loading\)/);
  assert.equal((await bootstrapOf(findingOf('bootstrapping', 100))).status, 'warn');
  assert.equal((await bootstrapOf(findingOf('down', 0))).status, 'fail');
});

test('bootstrap: a Tor that is stuck fails with the reason and its remedy', async () => {
  const finding = stuck('ERR_TOR_BLOCKED');
  const { status, reason, line, advice } = await bootstrapOf(async () => finding);
  assert.deepEqual({ status, reason, line }, { status: 'fail', reason: 'tor_blocked', line: finding.trouble.problem });
  assert.equal(advice?.toLowerCase(), `${finding.trouble.remedy}.`.toLowerCase());
});

test('bootstrap: an unusable control port is a warning only if it is configured', async () => {
  const refused = async (): Promise<never> => {
    throw new Dns4torError('ERR_TOR_CONTROL', 'unix:/run/tor/control (EACCES)');
  };
  assert.equal((await bootstrapOf(refused)).status, 'skip');
  const named = await bootstrapOf(refused, '--tor-control', 'unix:/run/tor/control');
  assert.equal(named.status, 'warn');
  assert.match(named.line, /EACCES/);
});

test('bootstrap: without a Tor, the check is skipped', async () => {
  const facts = { tor: async () => STARTABLE, bootstrap: async () => undefined, config: configOf() };
  assert.equal((await checkBootstrap(facts)).status, 'skip');
});
