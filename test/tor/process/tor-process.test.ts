import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTorLogLine } from '../../../src/tor/process/tor-process.ts';

test("severity and message are parsed from a line of Tor's log", () => {
  assert.deepEqual(parseTorLogLine('Nov 23 21:06:55.283 [notice] Bootstrapped 0% (starting): Starting'), {
    severity: 'notice',
    message: 'Bootstrapped 0% (starting): Starting',
  });
});

test('a line in another format is kept whole, as a warning', () => {
  const line = 'tor: error while loading shared libraries: libevent-2.1.so.7';
  assert.deepEqual(parseTorLogLine(line), { severity: 'warn', message: line });
});
