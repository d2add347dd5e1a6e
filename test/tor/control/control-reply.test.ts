import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ControlReplyParser, quotedStrings } from '../../../src/tor/control/control-reply.ts';

const STREAM = [
  '250-PROTOCOLINFO 1',
  '250-AUTH METHODS=COOKIE COOKIEFILE="/x/cookie"',
  '250 OK',
  '650 STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=5 TAG=conn SUMMARY="Connecting"',
  '250+config-text=',
  'Nickname x',
  '..dotted',
  '.',
  '250 OK',
  '552 Unrecognized option: Unknown option',
  '',
].join('\r\n');

const REPLIES = [
  { status: 250, lines: ['PROTOCOLINFO 1', 'AUTH METHODS=COOKIE COOKIEFILE="/x/cookie"', 'OK'] },
  { status: 650, lines: ['STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=5 TAG=conn SUMMARY="Connecting"'] },
  { status: 250, lines: ['config-text=\nNickname x\n.dotted', 'OK'] },
  { status: 552, lines: ['Unrecognized option: Unknown option'] },
];

test('single-line, multi-line and data replies are parsed, however the stream is split', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: STREAM.length })), (cuts) => {
      const parser = new ControlReplyParser();
      const edges = [0, ...cuts.toSorted((a, b) => a - b), STREAM.length];
      const replies = edges.slice(1).flatMap((end, index) => parser.push(STREAM.slice(edges[index], end)));
      assert.deepEqual(replies, REPLIES);
    }),
  );
});

test('a stream of another protocol is rejected', () => {
  for (const text of ['HTTP/1.1 400 Bad Request\r\n', '250\r\n', '\r\n', '25 OK\r\n']) {
    assert.throws(() => new ControlReplyParser().push(text), Error);
  }
});

test('an endless reply is rejected before it fills the memory', () => {
  const line = `250-${'x'.repeat(100_000)}\r\n`;
  for (const endless of ['x'.repeat(100_000), line, `250+data=\r\n${line}`]) {
    const parser = new ControlReplyParser();
    assert.throws(() => {
      for (let pushed = 0; pushed < 5_000_000; pushed += endless.length) parser.push(endless);
    }, Error);
  }
});

test('the length limit applies to each reply, not to the stream', () => {
  const parser = new ControlReplyParser();
  for (let count = 0; count < 100; count++) assert.equal(parser.push(`250 ${'x'.repeat(100_000)}\r\n`).length, 1);
});

test('escaped quotes, backslashes and non-ASCII bytes are decoded', () => {
  assert.deepEqual(quotedStrings(String.raw`COOKIEFILE="/a \"b\" \\c/\303\244\t"`), ['/a "b" \\c/ä\t']);
});

test('all quoted strings of a line are found', () => {
  assert.deepEqual(quotedStrings('net/listeners/socks="127.0.0.1:9050" "unix:/run/tor/socks"'), [
    '127.0.0.1:9050',
    'unix:/run/tor/socks',
  ]);
  assert.deepEqual(quotedStrings('net/listeners/socks='), []);
});
