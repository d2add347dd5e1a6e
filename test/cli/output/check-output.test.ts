import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderJson, renderResults } from '../../../src/cli/output/check-output.ts';

const QUOTED = [
  { id: 'bootstrap', status: 'fail', line: 'Tor is at 5 %: \u001b[2J\u009b1m', advice: 'Start it.' },
] as const;

test('texts quoted from other programs cannot send control characters to the terminal, as lines or as JSON', () => {
  for (const text of [renderResults(QUOTED), renderJson(QUOTED)]) {
    // oxlint-disable-next-line no-control-regex -- the test looks for them
    assert.doesNotMatch(text, /[\u001b\u009b]/);
    assert.match(text, /Tor is at 5 %/);
  }
});
