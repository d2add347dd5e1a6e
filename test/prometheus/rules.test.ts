import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { METRIC_ROWS } from '../../scripts/docs/metrics.ts';
import { runProgram } from '../fixtures/process/run-program.ts';
import { PROMETHEUS_FILES } from '../fixtures/prometheus.ts';

const RULES = join(PROMETHEUS_FILES, 'dns4tor.rules.yml');
const RULE_TESTS = fileURLToPath(new URL('dns4tor.rules.test.yml', import.meta.url));

test('promtool accepts the alert rules and the scrape configuration', async () => {
  assert.match(await runProgram('promtool', ['check', 'rules', RULES]), /SUCCESS: \d+ rules found/);
  await runProgram('promtool', ['check', 'config', join(PROMETHEUS_FILES, 'prometheus.yml')]);
});

test('each alert fires when it should and not when it should not', async () => {
  assert.match(await runProgram('promtool', ['test', 'rules', RULE_TESTS]), /SUCCESS/);
});

test('each rule has a firing and a silent test case, and uses only exported metrics', async () => {
  const rules = await readFile(RULES, 'utf8');
  const tests = await readFile(RULE_TESTS, 'utf8');
  const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
  assert.ok(alerts.length > 0);
  const cases = [...tests.matchAll(/alertname: (\w+)\s+eval_time: \w+\s+exp_alerts:( \[\])?/g)];
  for (const alert of alerts) {
    const expected = cases.filter(([, name]) => name === alert).map(([, , none]) => none === undefined);
    assert.deepEqual(new Set(expected), new Set([true, false]), alert);
  }
  const names = METRIC_ROWS.map(({ name }) => name);
  for (const [name] of rules.matchAll(/\b(?:dns4tor|coredns)_\w+/g)) {
    assert.ok(names.includes(name.replace(/_(?:bucket|count|sum)$/, '')), name);
  }
});
