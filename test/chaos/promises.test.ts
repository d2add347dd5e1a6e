import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Asked, Outcome } from './load.ts';
import { brokenPromises } from './promises.ts';
import type { Observation } from './run-scenario.ts';

function asked(name: string, sentAtMs: number, outcome: Outcome, tookMs = 10, kind: Asked['kind'] = 'brief'): Asked {
  return { kind, name, sentAtMs, end: { outcome, atMs: sentAtMs + tookMs, reason: '' } };
}

function observation(changes: Partial<Observation>): Observation {
  return {
    scenario: { name: 'test', losesNothing: false, begin: async () => () => {} },
    before: [asked('known', 0, 'fresh')],
    asked: [asked('known', 1000, 'stale'), asked('unknown', 1050, 'failed')],
    beganAtMs: 500,
    endedAtMs: 600,
    reachableAtMs: 700,
    recovered: true,
    connects: { ok: 3, failed: 2 },
    usage: { startBytes: 0, peakBytes: 2 ** 20, startDescriptors: 20, peakDescriptors: 25, cpuShare: 0.1 },
    harm: undefined,
    log: '',
    ...changes,
  };
}

test('an outage with stale answers for known names and failures for others breaks no promise', () => {
  assert.deepEqual(brokenPromises(observation({})), []);
});

const { usage, scenario } = observation({});
const BROKEN: readonly (readonly [sentence: RegExp, changes: Partial<Observation>])[] = [
  [/1 queries got no reply/, { asked: [asked('unknown', 1000, 'unanswered')] }],
  [/did not come back/, { recovered: false }],
  [/1 queries failed though the cache/, { asked: [asked('known', 1000, 'failed')] }],
  [/1 answerable queries failed/, { scenario: { ...scenario, losesNothing: true } }],
  [/30 attempts to connect, more than 12/, { connects: { ok: 1, failed: 29 } }],
  [
    /1 queries waited for their failure/,
    { beganAtMs: -20_000, endedAtMs: 2000, asked: [asked('unknown', 900, 'failed', 1500)] },
  ],
  [/answers came 60 s after/, { reachableAtMs: 1000, asked: [asked('unknown', 60_990, 'fresh', 10, 'new')] }],
  [/memory grew by 200\.0 MiB/, { usage: { ...usage, peakBytes: 200 * 2 ** 20 } }],
  [/30 more file descriptors/, { usage: { ...usage, peakDescriptors: 50 } }],
  [/a stack trace/, { harm: 'a stack trace' }],
];

for (const [sentence, changes] of BROKEN) {
  test(`a broken promise is reported: ${sentence.source}`, () => {
    const sentences = brokenPromises(observation(changes));
    assert.equal(sentences.length, 1);
    assert.match(sentences[0] ?? '', sentence);
  });
}
