import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTorrcLine } from '../../../src/config/parse/torrc-line.ts';

const TAKEN = [
  'EntryNodes {de}',
  'UseEntryGuards 1',
  '__HashedControlSessionPassword 16:AA',
  'Log\tinfo stdout',
  'Nickname "a b"',
  String.raw`Nickname "a \"b\"" # why`,
  'ContactInfo a "quoted" word',
];

const REFUSED = [
  'UseEntryGuards',
  '',
  '%include /etc/passwd',
  '# comment',
  'UseEntryGuards 1\nDataDirectory /',
  'UseEntryGuards 1\r',
  'UseEntryGuards 1\rX',
  'UseEntryGuards 1 \\',
  'Nickname "a',
  'Nickname "a" b',
  String.raw`Nickname "a\"`,
  'DataDirectory /tmp',
  'cookieauthentication 0',
  '__OwningControllerProcess 1',
  // Tor accepts these prefixes as the whole name.
  'DataDirector /tmp',
  '__Owning 1',
];

test('an option is one valid torrc line that sets nothing reserved for dns4tor', () => {
  for (const line of TAKEN) assert.deepEqual(parseTorrcLine(line), { value: line });
  for (const line of REFUSED) assert.ok('problem' in parseTorrcLine(line), line);
});

test('the error for control characters shows them escaped', () => {
  const parsed = parseTorrcLine('UseEntryGuards 1\u001b[31m');
  assert.match('problem' in parsed ? parsed.problem : '', /\\u001b/);
});
