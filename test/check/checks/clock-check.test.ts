import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TorAnswers } from '../../../src/check/ask-tor.ts';
import type { Verdict } from '../../../src/check/check-verdict.ts';
import { checkClock } from '../../../src/check/checks/clock-check.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';
import { configOf } from '../config-of.ts';
import { stuck } from '../stuck.ts';

const NOW = Date.UTC(2026, 0, 2, 3);
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

interface Reports {
  /** Time by which the clock is ahead of each resolver's; `awaited` fails the test if it is waited for. */
  readonly aheadMs?: readonly (number | 'awaited' | undefined)[];
  /** Validity period of Tor's consensus, relative to now. */
  readonly consensusMs?: readonly [number, number];
  /** Why Tor is stuck. */
  readonly trouble?: 'ERR_TOR_CLOCK' | 'ERR_TOR_BLOCKED';
}

async function verdictOf({ aheadMs = [undefined], consensusMs, trouble }: Reports): Promise<Verdict> {
  const config = configOf(...aheadMs.flatMap((_, index) => ['--upstream', `https://resolver-${index}.example/`]));
  const [from = 0, until = 0] = consensusMs ?? [];
  const consensus =
    consensusMs === undefined ? undefined : { validAfterEpochMs: NOW + from, validUntilEpochMs: NOW + until };
  const answers: TorAnswers = {
    status: { state: 'up', bootstrapPercent: 100 },
    consensus,
    onionKeys: new Map(),
  };
  return checkClock({
    config,
    clock: new ManualClock(NOW),
    torAnswers: async () => answers,
    bootstrap: async () => (trouble === undefined ? undefined : stuck(trouble)),
    upstream: async (upstream) => {
      const clockAheadMs = aheadMs[config.upstreams.indexOf(upstream)];
      if (clockAheadMs === 'awaited') assert.fail('the resolver was waited for');
      return clockAheadMs === undefined ? {} : { clockAheadMs };
    },
  });
}

test("a clock that agrees with a resolver's is right, whatever another resolver and Tor's consensus say", async () => {
  assert.equal((await verdictOf({ aheadMs: [0] })).status, 'ok');
  const { status } = await verdictOf({ aheadMs: [5 * HOUR_MS, -900], consensusMs: [-30 * HOUR_MS, -27 * HOUR_MS] });
  assert.equal(status, 'ok');
});

test('a clock that is wrong by a minute or more is a warning with the difference, in either direction', async () => {
  const ahead = await verdictOf({ aheadMs: [194_000] });
  assert.equal(ahead.status, 'warn');
  assert.match(ahead.line, /\b3 min 14 s ahead\b/);
  assert.match(ahead.advice ?? '', /by address/);
  const behind = await verdictOf({ aheadMs: [-HOUR_MS, undefined] });
  assert.match(behind.line, /\b1 h 0 min behind\b/);
});

test('a clock because of which Tor is stuck is a failure with its reason and remedy', async () => {
  const { status, reason, line, advice } = await verdictOf({ trouble: 'ERR_TOR_CLOCK', aheadMs: ['awaited'] });
  const { problem, remedy } = stuck('ERR_TOR_CLOCK').trouble;
  assert.deepEqual({ status, reason, line }, { status: 'fail', reason: 'tor_clock', line: problem });
  assert.equal(advice?.toLowerCase(), `${remedy}.`.toLowerCase());
  const consensusMs = [70 * HOUR_MS, 73 * HOUR_MS] as const;
  const told = await verdictOf({ trouble: 'ERR_TOR_CLOCK', aheadMs: ['awaited'], consensusMs });
  assert.match(told.line, /\b2 d 22 h behind\b/);
  assert.deepEqual([told.status, told.reason, told.advice], ['fail', 'tor_clock', advice]);
});

test('while Tor is stuck, only its consensus is judged, and no resolver is waited for', async () => {
  const stuckFor = { trouble: 'ERR_TOR_BLOCKED', aheadMs: ['awaited'] } as const;
  assert.equal((await verdictOf(stuckFor)).status, 'skip');
  assert.equal((await verdictOf({ ...stuckFor, consensusMs: [-HOUR_MS, 2 * HOUR_MS] })).status, 'ok');
  assert.equal((await verdictOf({ ...stuckFor, consensusMs: [25 * HOUR_MS, 28 * HOUR_MS] })).status, 'fail');
});

test('a clock outside the consensus is a warning, and a failure where Tor gives up', async () => {
  assert.equal((await verdictOf({ consensusMs: [-HOUR_MS, 2 * HOUR_MS] })).status, 'ok');
  const early = await verdictOf({ consensusMs: [2 * HOUR_MS, 5 * HOUR_MS] });
  assert.equal(early.status, 'warn');
  assert.match(early.line, /\b2 h 0 min behind\b/);
  const late = await verdictOf({ consensusMs: [-9 * HOUR_MS, -6 * HOUR_MS] });
  assert.equal(late.status, 'warn');
  assert.match(late.line, /\b6 h 0 min ahead of\b/);
  assert.equal((await verdictOf({ consensusMs: [25 * HOUR_MS, 28 * HOUR_MS] })).status, 'fail');
  assert.equal((await verdictOf({ consensusMs: [-29 * HOUR_MS, -25 * HOUR_MS] })).status, 'fail');
});

test('the worst of what Tor and the resolver say is told', async () => {
  const consensusMs = [25 * HOUR_MS, 28 * HOUR_MS] as const;
  assert.equal((await verdictOf({ aheadMs: [2 * MINUTE_MS], consensusMs })).status, 'fail');
  assert.match((await verdictOf({ aheadMs: [2 * MINUTE_MS], consensusMs: [-1, 1] })).line, /resolver/);
});

test('without a source of time, the check is skipped and shows the time of this clock', async () => {
  const { status, line } = await verdictOf({});
  assert.equal(status, 'skip');
  assert.match(line, /\b2026-01-02 03:00 UTC$/);
  const mute = await checkClock({
    config: configOf(),
    clock: new ManualClock(NOW),
    torAnswers: () => Promise.reject(new Error('no Tor runs')),
    bootstrap: async () => undefined,
    upstream: async () => undefined,
  });
  assert.equal(mute.status, 'skip');
});
