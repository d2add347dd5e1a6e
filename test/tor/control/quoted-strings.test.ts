import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quotedStrings } from '../../../src/tor/control/quoted-strings.ts';

test('quotes, backslashes and bytes beyond ASCII are what they were before tor wrote them', () => {
  assert.deepEqual(quotedStrings(String.raw`COOKIEFILE="/a \"b\" \\c/\303\244\t"`), ['/a "b" \\c/ä\t']);
});

test('all strings of a line are found', () => {
  assert.deepEqual(quotedStrings('net/listeners/socks="127.0.0.1:9050" "unix:/run/tor/socks"'), [
    '127.0.0.1:9050',
    'unix:/run/tor/socks',
  ]);
  assert.deepEqual(quotedStrings('net/listeners/socks='), []);
});
