import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TorAnswers } from '../../../src/check/ask-tor.ts';
import type { Verdict } from '../../../src/check/check-verdict.ts';
import { checkBootstrap, checkOnionKey, checkTor } from '../../../src/check/checks/tor-check.ts';
import type { TorFinding } from '../../../src/check/find-tor.ts';
import { Dns4torError } from '../../../src/failures/errors.ts';
import type { TorStatus } from '../../../src/model/tor-status.ts';
import type { OnionKeyPresence } from '../../../src/tor/control/onion-auth.ts';
import { judgeManagedTor } from '../../../src/tor/socks/socks-peer.ts';
import { configOf } from '../config-of.ts';

const RUNNING: TorFinding = {
  kind: 'running',
  socks: { kind: 'unix', path: '/run/tor/socks' },
  standing: 'tor',
  program: 'tor',
  judgePeer: judgeManagedTor,
  control: { kind: 'auto' },
};

async function bootstrapOf(answers: () => Promise<TorAnswers>, ...flags: readonly string[]): Promise<Verdict> {
  return checkBootstrap({ tor: async () => RUNNING, torAnswers: answers, config: configOf(...flags) });
}

function answering(status: TorStatus): () => Promise<TorAnswers> {
  return async () => ({ status, reportsClockSkew: false, consensus: undefined, onionKeys: new Map() });
}

test('onion-key: the configured key, another key, no key, and unknown', async () => {
  const found = async (presence?: OnionKeyPresence): Promise<string> => {
    const onionKeys = new Map(presence === undefined ? [] : [['address', presence] as const]);
    const status: TorStatus = { state: 'up', bootstrapPercent: 100 };
    const torAnswers = async (): Promise<TorAnswers> => ({ ...(await answering(status)()), onionKeys });
    return (await checkOnionKey({ tor: async () => RUNNING, torAnswers }, 'address')).status;
  };
  assert.deepEqual(await Promise.all([found('present'), found('another'), found('absent'), found()]), [
    'ok',
    'warn',
    'warn',
    'skip',
  ]);
  const noControl = { tor: async () => RUNNING, torAnswers: () => Promise.reject(new Dns4torError('ERR_TOR_CONTROL')) };
  assert.equal((await checkOnionKey(noControl, 'address')).status, 'skip');
});

test('tor: one that answers, one that may not be Tor, one that dns4tor would start, and none', async () => {
  const running = await checkTor({ tor: async () => RUNNING });
  assert.equal(running.status, 'ok');
  assert.match(running.line, /unix:\/run\/tor\/socks$/);
  const unproven = await checkTor({ tor: async () => ({ ...RUNNING, standing: 'unknown' }) });
  assert.equal(unproven.status, 'warn');
  const startable = await checkTor({ tor: async () => ({ kind: 'startable', version: 'Tor version 0.4.9.11' }) });
  assert.equal(startable.status, 'warn');
  assert.match(startable.line, /0\.4\.9\.11/);
  const error = new Dns4torError('ERR_TOR_UNREACHABLE', '127.0.0.1:9050 (ECONNREFUSED)');
  assert.deepEqual(await checkTor({ tor: async () => ({ kind: 'missing', error }) }), {
    status: 'fail',
    line: error.problem,
    advice: `${error.remedy?.replace('start', 'Start')}.`,
  });
});

test('arti has no state and takes no keys', async () => {
  const tor = async (): Promise<TorFinding> => ({ ...RUNNING, program: 'arti' });
  const torAnswers = (): never => assert.fail('asked');
  assert.equal((await checkTor({ tor })).status, 'ok');
  assert.equal((await checkBootstrap({ tor, torAnswers, config: configOf() })).status, 'skip');
  assert.equal((await checkOnionKey({ tor, torAnswers }, 'address')).status, 'warn');
});

test('bootstrap: connected, bootstrapping, and without a circuit', async () => {
  assert.equal((await bootstrapOf(answering({ state: 'up', bootstrapPercent: 100 }))).status, 'ok');
  const bootstrapping = await bootstrapOf(
    answering({ state: 'bootstrapping', bootstrapPercent: 45, bootstrapSummary: 'Loading' }),
  );
  assert.equal(bootstrapping.status, 'fail');
  assert.match(bootstrapping.line, /\b45 %: Loading$/);
  assert.equal((await bootstrapOf(answering({ state: 'bootstrapping', bootstrapPercent: 100 }))).status, 'warn');
});

test('bootstrap: an unusable control port is a warning only if it is configured', async () => {
  const refused = async (): Promise<TorAnswers> => {
    throw new Dns4torError('ERR_TOR_CONTROL', 'unix:/run/tor/control (EACCES)');
  };
  assert.equal((await bootstrapOf(refused)).status, 'skip');
  const named = await bootstrapOf(refused, '--tor-control', 'unix:/run/tor/control');
  assert.equal(named.status, 'warn');
  assert.match(named.line, /EACCES/);
});

test('bootstrap: without a Tor, the check is skipped', async () => {
  const missing = async (): Promise<TorFinding> => ({ kind: 'startable', version: '' });
  const never = async (): Promise<TorAnswers> => assert.fail('asked');
  assert.equal((await checkBootstrap({ tor: missing, torAnswers: never, config: configOf() })).status, 'skip');
});
