import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TorAnswers } from '../../../src/check/ask-tor.ts';
import { checkClock } from '../../../src/check/checks/clock-check.ts';
import type { Verdict } from '../../../src/check/check-verdict.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';
import { configOf } from '../config-of.ts';

const NOW = Date.UTC(2026, 0, 2, 3);
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

interface Told {
  /** By how much the clock is ahead of each resolver's. */
  readonly aheadMs?: readonly (number | 'awaited' | undefined)[];
  /** From when to when what Tor knows of its network holds, from now. */
  readonly consensusMs?: readonly [number, number];
  readonly complains?: boolean;
}

async function verdictOf({ aheadMs = [undefined], consensusMs, complains = false }: Told): Promise<Verdict> {
  const config = configOf(...aheadMs.flatMap((_, index) => ['--upstream', `https://resolver-${index}.example/`]));
  const [from = 0, until = 0] = consensusMs ?? [];
  const consensus =
    consensusMs === undefined ? undefined : { validAfterEpochMs: NOW + from, validUntilEpochMs: NOW + until };
  const answers: TorAnswers = {
    status: { state: 'up', bootstrapPercent: 100 },
    complainsOfClock: complains,
    consensus,
    onionKeys: new Map(),
  };
  return checkClock({
    config,
    clock: new ManualClock(NOW),
    torAnswers: async () => answers,
    upstream: async (upstream) => {
      const clockAheadMs = aheadMs[config.upstreams.indexOf(upstream)];
      if (clockAheadMs === 'awaited') assert.fail('it was waited for');
      return clockAheadMs === undefined ? {} : { clockAheadMs };
    },
  });
}

test('a clock that agrees with that of a resolver is right, whatever another resolver says and Tor knew before', async () => {
  assert.equal((await verdictOf({ aheadMs: [0] })).status, 'ok');
  const { status } = await verdictOf({ aheadMs: [5 * HOUR_MS, -900], consensusMs: [-30 * HOUR_MS, -27 * HOUR_MS] });
  assert.equal(status, 'ok');
});

test('a clock that is wrong by a minute is a warning with the difference, in either direction', async () => {
  const ahead = await verdictOf({ aheadMs: [194_000] });
  assert.deepEqual([ahead.status, ahead.line], ['warn', 'the clock is 3 min 14 s ahead of that of the resolver']);
  assert.match(ahead.advice ?? '', /by address/);
  const behind = await verdictOf({ aheadMs: [-HOUR_MS, undefined] });
  assert.equal(behind.line, 'the clock is 1 h 0 min behind that of the resolver');
});

test('a Tor that complains of the clock is a failure, and no resolver is waited for', async () => {
  const { status, line, advice } = await verdictOf({ complains: true, aheadMs: ['awaited'] });
  assert.deepEqual([status, line], ['fail', 'Tor says that this machine’s clock is wrong']);
  assert.match(advice ?? '', /^Set it/);
});

test('what Tor knows of its network tells the time: a warning beside it, a failure where Tor gives up', async () => {
  assert.equal((await verdictOf({ consensusMs: [-HOUR_MS, 2 * HOUR_MS] })).status, 'ok');
  const early = await verdictOf({ consensusMs: [2 * HOUR_MS, 5 * HOUR_MS] });
  assert.deepEqual(
    [early.status, early.line],
    ['warn', 'the clock is at least 2 h 0 min behind what Tor knows of its network'],
  );
  const late = await verdictOf({ consensusMs: [-9 * HOUR_MS, -6 * HOUR_MS] });
  assert.equal(late.status, 'warn');
  assert.match(late.line, /6 h 0 min ahead of/);
  assert.equal((await verdictOf({ consensusMs: [25 * HOUR_MS, 28 * HOUR_MS] })).status, 'fail');
  assert.equal((await verdictOf({ consensusMs: [-29 * HOUR_MS, -25 * HOUR_MS] })).status, 'fail');
});

test('the gravest of what Tor and the resolver say is told', async () => {
  const consensusMs = [25 * HOUR_MS, 28 * HOUR_MS] as const;
  assert.equal((await verdictOf({ aheadMs: [2 * MINUTE_MS], consensusMs })).status, 'fail');
  assert.match((await verdictOf({ aheadMs: [2 * MINUTE_MS], consensusMs: [-1, 1] })).line, /resolver$/);
});

test('where nobody tells the time there is nothing to say', async () => {
  assert.equal((await verdictOf({})).status, 'skip');
  const mute = await checkClock({
    config: configOf(),
    clock: new ManualClock(NOW),
    torAnswers: () => Promise.reject(new Error('there is no Tor')),
    upstream: async () => undefined,
  });
  assert.equal(mute.status, 'skip');
});
