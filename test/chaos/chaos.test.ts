import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Laboratory, startLaboratory } from '../e2e/laboratory.ts';
import { brokenPromises } from './promises.ts';
import { formatTable, toRow } from './report.ts';
import { runScenario } from './run-scenario.ts';
import { type FaultTimes, SCENARIOS } from './scenarios.ts';

/**
 * The shortest that show an effect. A stop lasts longer than the delay before stale answers, and almost a client's
 * timeout.
 */
const TIMES: FaultTimes = { killMs: 3000, stopMs: 8000, rotateMs: 15_000 };

let laboratory: Laboratory;
before(async () => {
  laboratory = await startLaboratory({ originalTtls: true });
});
after(() => laboratory[Symbol.asyncDispose]());

for (const scenario of SCENARIOS) {
  test(`every query gets a reply, answerable queries are answered, and service recovers by itself: ${scenario.name}`, async (t) => {
    const seen = await runScenario(laboratory, scenario, TIMES, () => {});
    for (const line of formatTable([toRow(seen)]).split('\n')) t.diagnostic(line);
    assert.deepEqual(brokenPromises(seen), []);
  });
}
