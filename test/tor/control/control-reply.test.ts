import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ControlReplyParser } from '../../../src/tor/control/control-reply.ts';

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

test('replies of one line, of several and with data are read, however the stream is cut up', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: STREAM.length })), (cuts) => {
      const parser = new ControlReplyParser();
      const edges = [0, ...cuts.toSorted((a, b) => a - b), STREAM.length];
      const replies = edges.slice(1).flatMap((end, index) => parser.push(STREAM.slice(edges[index], end)));
      assert.deepEqual(replies, REPLIES);
    }),
  );
});

test('a stream of something else is refused', () => {
  for (const text of ['HTTP/1.1 400 Bad Request\r\n', '250\r\n', '\r\n', '25 OK\r\n']) {
    assert.throws(() => new ControlReplyParser().push(text), /not a reply/);
  }
});

test('a reply without end is refused before it fills the memory', () => {
  const line = `250-${'x'.repeat(100_000)}\r\n`;
  for (const endless of ['x'.repeat(100_000), line, `250+data=\r\n${line}`]) {
    const parser = new ControlReplyParser();
    assert.throws(() => {
      for (let pushed = 0; pushed < 5_000_000; pushed += endless.length) parser.push(endless);
    }, /too long/);
  }
});

test('any number of replies of bearable length pass', () => {
  const parser = new ControlReplyParser();
  for (let count = 0; count < 100; count++) assert.equal(parser.push(`250 ${'x'.repeat(100_000)}\r\n`).length, 1);
});
