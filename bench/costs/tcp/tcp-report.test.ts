import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isReached } from '../target.ts';
import { formatTcp, tcpTargetsOf } from './tcp-report.ts';
import type { TcpRun } from './tcp-run.ts';

const RESULT = {
  sent: 10,
  completed: 10,
  lost: 0,
  rcodes: { NOERROR: 10 },
  answersPerSecond: 1000,
  p50Ms: 1,
  p99Ms: 2,
};
const RUN: TcpRun = { udpAlone: RESULT, udpBeside: RESULT, tcp: RESULT, cpuMicros: 12.345 };

test('the table has a line for UDP alone, UDP beside TCP, and TCP', () => {
  assert.deepEqual(
    formatTcp(RUN)
      .split('\n')
      .map((line) => line.split(/ {2,}/)[0]),
    ['', 'UDP alone', 'UDP beside TCP', 'TCP', '', 'CPU of both together: 12.35 µs/answer'],
  );
});

test('queries over TCP must be answered at their rate, and none lost over either transport', () => {
  const reached = (run: Partial<TcpRun>): boolean[] => tcpTargetsOf({ ...RUN, ...run }, 1000).map(isReached);
  assert.deepEqual(reached({}), [true, true]);
  assert.deepEqual(reached({ tcp: { ...RESULT, answersPerSecond: 980 } }), [false, true]);
  assert.deepEqual(reached({ tcp: { ...RESULT, lost: 1 } }), [true, false]);
  assert.deepEqual(reached({ udpBeside: { ...RESULT, lost: 1 } }), [true, false]);
});
