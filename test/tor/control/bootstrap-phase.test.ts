import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBootstrapPhase, parseFields } from '../../../src/tor/control/bootstrap-phase.ts';

test('all fields of a warning are read, from an event as from a reply', () => {
  const text =
    'WARN BOOTSTRAP PROGRESS=14 TAG=handshake SUMMARY="Handshaking with a relay" WARNING="Clock \\"skew\\"" REASON=CLOCK_SKEW COUNT=1 RECOMMENDATION=warn HOSTID="?"';
  const phase = {
    percent: 14,
    tag: 'handshake',
    summary: 'Handshaking with a relay',
    reason: 'CLOCK_SKEW',
    warning: 'Clock "skew"',
  };
  assert.deepEqual(parseBootstrapPhase(`STATUS_CLIENT ${text}`), phase);
  assert.deepEqual(parseBootstrapPhase(`status/bootstrap-phase=${text}`), phase);
});

test('a phase without a problem has neither reason nor warning', () => {
  const phase = parseBootstrapPhase('STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=100 TAG=done SUMMARY="Done"');
  assert.deepEqual(phase, { percent: 100, tag: 'done', summary: 'Done', reason: undefined, warning: undefined });
});

test('other events, and a progress that is no percentage, are not a phase', () => {
  for (const line of [
    'STATUS_CLIENT NOTICE CIRCUIT_ESTABLISHED',
    'STATUS_GENERAL WARN CLOCK_SKEW SKEW=-259200',
    'STATUS_CLIENT NOTICE BOOTSTRAP TAG=done',
    'STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=-1 TAG=done',
    'STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=x TAG=done',
  ]) {
    assert.equal(parseBootstrapPhase(line), undefined, line);
  }
  assert.equal(parseBootstrapPhase('STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=900 TAG=done')?.percent, 100);
});

test('fields are separated by blanks outside of quotes', () => {
  assert.deepEqual(
    [...parseFields('SKEW=-3 SOURCE="OR a=b" X=')],
    [
      ['SKEW', '-3'],
      ['SOURCE', 'OR a=b'],
      ['X', ''],
    ],
  );
});
